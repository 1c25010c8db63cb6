-- digest_rows sales, content
SELECT COUNT_BIG(*) AS [rows],
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 1, 8) AS bigint) AS decimal(38,0))), 0)) AS high,
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 9, 8) AS bigint) AS decimal(38,0))), 0)) AS low
          FROM (SELECT HASHBYTES('MD5', CONCAT(CAST('' AS varchar(max)), DATALENGTH(CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              t.[NO],
              ',',
              CONVERT(varchar(10), t.[DAY], 23),
              ',',
              CASE WHEN TRY_CAST(t.[AMOUNT] AS decimal(16,4)) = t.[AMOUNT] THEN CONVERT(varchar(50), CAST(t.[AMOUNT] AS decimal(16,4))) ELSE '!' + CONVERT(varchar(50), t.[AMOUNT], 2) END,
              ',',
              CASE WHEN TRY_CAST(t.[PAID] AS decimal(19,4)) = t.[PAID] THEN CONVERT(varchar(50), CAST(t.[PAID] AS decimal(19,4))) ELSE '!' + CONVERT(varchar(50), t.[PAID], 2) END,
              ',',
              LOWER(CONVERT(varchar(16), CAST(CAST(t.[RATE] AS float) AS binary(8)), 2)),
              ',',
              LOWER(CONVERT(varchar(16), CAST(DATEDIFF_BIG(microsecond, CAST('2000-01-01' AS datetime2(7)), CAST(t.[MADE_AT] AS datetime2(3))) AS binary(8)), 2)),
              ',',
              CONCAT(LOWER(CONVERT(varchar(16), CAST(DATEDIFF_BIG(microsecond, CAST('2000-01-01' AS datetime2(7)), CAST(SWITCHOFFSET(t.[SENT_AT], '+00:00') AS datetime2(7))) AS binary(8)), 2)), DATEPART(nanosecond, t.[SENT_AT]) / 100 % 10, DATEPART(tzoffset, t.[SENT_AT])),
              ',',
              LOWER(CONVERT(varchar(36), t.[CUSTOMER])),
              ',',
              DATALENGTH(CAST(CAST(t.[NAME] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[NAME] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              DATALENGTH(CAST(CAST(t.[NOTE] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[NOTE] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              DATALENGTH(t.[PHOTO]),
              ':',
              LOWER(CONVERT(varchar(max), CAST(t.[PHOTO] AS varbinary(max)), 2)),
              ',',
              LOWER(CONVERT(varchar(16), CAST(t.[RV] AS binary(8)), 2)),
              ',',
              DATALENGTH(CAST(CAST(t.[odd]]'name] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[odd]]'name] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',')) AS h
                  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))) AS hashed
OPTION (MAXDOP 2)
-- values: '2026-03-14', '2026-03-15'
GO

-- digest_rows sales, content, UTF-16
SELECT COUNT_BIG(*) AS [rows],
              CONVERT(varchar(40), COALESCE(SUM(
                  CAST(CAST(SUBSTRING(h, 1, 8) AS bigint) AS decimal(38,0))), 0)) AS high,
              CONVERT(varchar(40), COALESCE(SUM(
                  CAST(CAST(SUBSTRING(h, 9, 8) AS bigint) AS decimal(38,0))), 0)) AS low
         FROM (SELECT HASHBYTES('MD5', CONCAT(CAST(N'' AS nvarchar(max)), DATALENGTH(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2),
             ':',
             CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2,
             ',',
             t.[NO],
             ',',
             CONVERT(varchar(10), t.[DAY], 23),
             ',',
             CASE WHEN TRY_CAST(t.[AMOUNT] AS decimal(16,4)) = t.[AMOUNT] THEN CONVERT(varchar(50), CAST(t.[AMOUNT] AS decimal(16,4))) ELSE '!' + CONVERT(varchar(50), t.[AMOUNT], 2) END,
             ',',
             CASE WHEN TRY_CAST(t.[PAID] AS decimal(19,4)) = t.[PAID] THEN CONVERT(varchar(50), CAST(t.[PAID] AS decimal(19,4))) ELSE '!' + CONVERT(varchar(50), t.[PAID], 2) END,
             ',',
             LOWER(CONVERT(varchar(16), CAST(CAST(t.[RATE] AS float) AS binary(8)), 2)),
             ',',
             LOWER(CONVERT(varchar(16), CAST(DATEDIFF_BIG(microsecond, CAST('2000-01-01' AS datetime2(7)), CAST(t.[MADE_AT] AS datetime2(3))) AS binary(8)), 2)),
             ',',
             CONCAT(LOWER(CONVERT(varchar(16), CAST(DATEDIFF_BIG(microsecond, CAST('2000-01-01' AS datetime2(7)), CAST(SWITCHOFFSET(t.[SENT_AT], '+00:00') AS datetime2(7))) AS binary(8)), 2)), DATEPART(nanosecond, t.[SENT_AT]) / 100 % 10, DATEPART(tzoffset, t.[SENT_AT])),
             ',',
             LOWER(CONVERT(varchar(36), t.[CUSTOMER])),
             ',',
             DATALENGTH(CAST(t.[NAME] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2),
             ':',
             CAST(t.[NAME] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2,
             ',',
             DATALENGTH(CAST(t.[NOTE] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2),
             ':',
             CAST(t.[NOTE] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2,
             ',',
             DATALENGTH(t.[PHOTO]),
             ':',
             LOWER(CONVERT(varchar(max), CAST(t.[PHOTO] AS varbinary(max)), 2)),
             ',',
             LOWER(CONVERT(varchar(16), CAST(t.[RV] AS binary(8)), 2)),
             ',',
             DATALENGTH(CAST(t.[odd]]'name] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2),
             ':',
             CAST(t.[odd]]'name] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2,
             ',')) AS h
                 FROM [COM_5013].[SALES] AS t
WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))) AS hashed
-- values: '2026-03-14', '2026-03-15'
GO

-- digest_rows sales, version
SELECT COUNT_BIG(*) AS [rows],
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 1, 8) AS bigint) AS decimal(38,0))), 0)) AS high,
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 9, 8) AS bigint) AS decimal(38,0))), 0)) AS low
          FROM (SELECT HASHBYTES('MD5', CONCAT(CAST('' AS varchar(max)), DATALENGTH(CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              t.[NO],
              ',',
              LOWER(CONVERT(varchar(16), CAST(t.[RV] AS binary(8)), 2)),
              ',')) AS h
                  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))) AS hashed
OPTION (MAXDOP 2)
-- values: '2026-03-14', '2026-03-15'
GO

-- digest_rows lines, content
SELECT COUNT_BIG(*) AS [rows],
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 1, 8) AS bigint) AS decimal(38,0))), 0)) AS high,
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 9, 8) AS bigint) AS decimal(38,0))), 0)) AS low
          FROM (SELECT HASHBYTES('MD5', CONCAT(CAST('' AS varchar(max)), DATALENGTH(CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              t.[NO],
              ',',
              t.[LINE],
              ',',
              DATALENGTH(CAST(CAST(t.[ITEM] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[ITEM] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',')) AS h
                  FROM [COM_5013].[LINES] AS t
  JOIN [COM_5013].[SALES] AS p ON t.[SHOP] = p.[SHOP] AND t.[NO] = p.[NO]
 WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date))) AS hashed
OPTION (MAXDOP 2)
-- values: '2026-03-14', '2026-03-15'
GO

-- digest_days sales, version
SELECT g,
               COUNT_BIG(*) AS [rows],
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 1, 8) AS bigint) AS decimal(38,0))), 0)) AS high,
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 9, 8) AS bigint) AS decimal(38,0))), 0)) AS low
          FROM (SELECT CAST(t.[DAY] AS date) AS g,
                       HASHBYTES('MD5', CONCAT(CAST('' AS varchar(max)), DATALENGTH(CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              t.[NO],
              ',',
              LOWER(CONVERT(varchar(16), CAST(t.[RV] AS binary(8)), 2)),
              ',')) AS h
                  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))) AS hashed
         GROUP BY g
OPTION (MAXDOP 2)
-- values: '2026-03-14', '2026-03-15'
GO

-- digest_days shifts, content
SELECT g,
               COUNT_BIG(*) AS [rows],
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 1, 8) AS bigint) AS decimal(38,0))), 0)) AS high,
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 9, 8) AS bigint) AS decimal(38,0))), 0)) AS low
          FROM (SELECT CAST(SWITCHOFFSET(t.[BEGUN], 480) AS date) AS g,
                       HASHBYTES('MD5', CONCAT(CAST('' AS varchar(max)), t.[ID],
              ',',
              CONCAT(LOWER(CONVERT(varchar(16), CAST(DATEDIFF_BIG(microsecond, CAST('2000-01-01' AS datetime2(7)), CAST(SWITCHOFFSET(t.[BEGUN], '+00:00') AS datetime2(7))) AS binary(8)), 2)), DATEPART(nanosecond, t.[BEGUN]) / 100 % 10, DATEPART(tzoffset, t.[BEGUN])),
              ',',
              DATALENGTH(CAST(RTRIM(CAST(t.[BY] AS nvarchar(max))) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(RTRIM(CAST(t.[BY] AS nvarchar(max))) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',')) AS h
                  FROM [COM_5013].[SHIFTS] AS t
 WHERE (t.[BEGUN] >= CAST(? AS datetimeoffset(3)) AND t.[BEGUN] < CAST(? AS datetimeoffset(3)))) AS hashed
         GROUP BY g
OPTION (MAXDOP 2)
-- values: '2026-03-14T00:00:00+08:00', '2026-03-15T00:00:00+08:00'
GO

-- digest_buckets lines, content
SELECT g,
               COUNT_BIG(*) AS [rows],
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 1, 8) AS bigint) AS decimal(38,0))), 0)) AS high,
               CONVERT(varchar(40), COALESCE(SUM(
                   CAST(CAST(SUBSTRING(h, 9, 8) AS bigint) AS decimal(38,0))), 0)) AS low
          FROM (SELECT CAST(SUBSTRING(HASHBYTES('MD5', CONCAT(CAST('' AS varchar(max)), DATALENGTH(CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              t.[NO],
              ',',
              t.[LINE],
              ',')), 1, 2) AS int) / 1024 AS g,
                       HASHBYTES('MD5', CONCAT(CAST('' AS varchar(max)), DATALENGTH(CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              t.[NO],
              ',',
              t.[LINE],
              ',',
              DATALENGTH(CAST(CAST(t.[ITEM] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[ITEM] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',')) AS h
                  FROM [COM_5013].[LINES] AS t
  JOIN [COM_5013].[SALES] AS p ON t.[SHOP] = p.[SHOP] AND t.[NO] = p.[NO]
 WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date))) AS hashed
         GROUP BY g
OPTION (MAXDOP 2)
-- values: '2026-03-14', '2026-03-15'
GO

-- select_row_hashes sales, content
SELECT CONCAT(N'{', N'"k0": "', REPLACE(STRING_ESCAPE(CAST(CAST(t.[SHOP] AS nvarchar(max)) AS nvarchar(max)), 'json'), N'\/', N'/'), N'"', N', ', N'"k1": "', REPLACE(STRING_ESCAPE(CAST(CONVERT(varchar(50), t.[NO]) AS nvarchar(max)), 'json'), N'\/', N'/'), N'"', N'}') AS [key],
       LOWER(CONVERT(varchar(32), HASHBYTES('MD5', CONCAT(CAST('' AS varchar(max)), DATALENGTH(CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              t.[NO],
              ',',
              CONVERT(varchar(10), t.[DAY], 23),
              ',',
              CASE WHEN TRY_CAST(t.[AMOUNT] AS decimal(16,4)) = t.[AMOUNT] THEN CONVERT(varchar(50), CAST(t.[AMOUNT] AS decimal(16,4))) ELSE '!' + CONVERT(varchar(50), t.[AMOUNT], 2) END,
              ',',
              CASE WHEN TRY_CAST(t.[PAID] AS decimal(19,4)) = t.[PAID] THEN CONVERT(varchar(50), CAST(t.[PAID] AS decimal(19,4))) ELSE '!' + CONVERT(varchar(50), t.[PAID], 2) END,
              ',',
              LOWER(CONVERT(varchar(16), CAST(CAST(t.[RATE] AS float) AS binary(8)), 2)),
              ',',
              LOWER(CONVERT(varchar(16), CAST(DATEDIFF_BIG(microsecond, CAST('2000-01-01' AS datetime2(7)), CAST(t.[MADE_AT] AS datetime2(3))) AS binary(8)), 2)),
              ',',
              CONCAT(LOWER(CONVERT(varchar(16), CAST(DATEDIFF_BIG(microsecond, CAST('2000-01-01' AS datetime2(7)), CAST(SWITCHOFFSET(t.[SENT_AT], '+00:00') AS datetime2(7))) AS binary(8)), 2)), DATEPART(nanosecond, t.[SENT_AT]) / 100 % 10, DATEPART(tzoffset, t.[SENT_AT])),
              ',',
              LOWER(CONVERT(varchar(36), t.[CUSTOMER])),
              ',',
              DATALENGTH(CAST(CAST(t.[NAME] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[NAME] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              DATALENGTH(CAST(CAST(t.[NOTE] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[NOTE] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              DATALENGTH(t.[PHOTO]),
              ':',
              LOWER(CONVERT(varchar(max), CAST(t.[PHOTO] AS varbinary(max)), 2)),
              ',',
              LOWER(CONVERT(varchar(16), CAST(t.[RV] AS binary(8)), 2)),
              ',',
              DATALENGTH(CAST(CAST(t.[odd]]'name] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[odd]]'name] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',')), 2)) AS hash
  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
OPTION (MAXDOP 2)
-- values: '2026-03-14', '2026-03-15'
GO

-- select_row_hashes sales, two buckets
SELECT CONCAT(N'{', N'"k0": "', REPLACE(STRING_ESCAPE(CAST(CAST(t.[SHOP] AS nvarchar(max)) AS nvarchar(max)), 'json'), N'\/', N'/'), N'"', N', ', N'"k1": "', REPLACE(STRING_ESCAPE(CAST(CONVERT(varchar(50), t.[NO]) AS nvarchar(max)), 'json'), N'\/', N'/'), N'"', N'}') AS [key],
       LOWER(CONVERT(varchar(32), HASHBYTES('MD5', CONCAT(CAST('' AS varchar(max)), DATALENGTH(CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              t.[NO],
              ',',
              LOWER(CONVERT(varchar(16), CAST(t.[RV] AS binary(8)), 2)),
              ',')), 2)) AS hash
  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
   AND CAST(SUBSTRING(HASHBYTES('MD5', CONCAT(CAST('' AS varchar(max)), DATALENGTH(CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max))),
              ':',
              CAST(CAST(t.[SHOP] AS nvarchar(max)) COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)),
              ',',
              t.[NO],
              ',')), 1, 2) AS int) / 64 IN (3, 1020)
OPTION (MAXDOP 2)
-- values: '2026-03-14', '2026-03-15'
GO

