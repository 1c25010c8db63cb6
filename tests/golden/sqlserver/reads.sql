-- select_rows sales
SELECT t.[SHOP] AS [SHOP],
       t.[NO] AS [NO],
       t.[DAY] AS [DAY],
       t.[AMOUNT] AS [AMOUNT],
       CAST(t.[PAID] AS decimal(19,4)) AS [PAID],
       t.[RATE] AS [RATE],
       CAST(t.[MADE_AT] AS datetime2(3)) AS [MADE_AT],
       CONVERT(varchar(34), CAST(t.[SENT_AT] AS datetimeoffset(7)), 121) AS [SENT_AT],
       LOWER(CONVERT(char(36), t.[CUSTOMER])) AS [CUSTOMER],
       t.[NAME] AS [NAME],
       CAST(t.[NOTE] AS varchar(8000)) AS [NOTE],
       CAST(t.[PHOTO] AS varbinary(8000)) AS [PHOTO],
       CAST(t.[RV] AS varbinary(8)) AS [RV],
       t.[odd]]'name] AS [odd]]'name]
  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
   AND (COALESCE(DATALENGTH(t.[NOTE]), 0) <= 8000 AND COALESCE(DATALENGTH(t.[PHOTO]), 0) <= 8000)
OPTION (MAXDOP 1)
-- values: '2026-03-14', '2026-03-15'
GO

-- select_rows sales, long values
SELECT t.[SHOP] AS [SHOP],
       t.[NO] AS [NO],
       t.[DAY] AS [DAY],
       t.[AMOUNT] AS [AMOUNT],
       CAST(t.[PAID] AS decimal(19,4)) AS [PAID],
       t.[RATE] AS [RATE],
       CAST(t.[MADE_AT] AS datetime2(3)) AS [MADE_AT],
       CONVERT(varchar(34), CAST(t.[SENT_AT] AS datetimeoffset(7)), 121) AS [SENT_AT],
       LOWER(CONVERT(char(36), t.[CUSTOMER])) AS [CUSTOMER],
       t.[NAME] AS [NAME],
       CAST(t.[NOTE] AS varchar(max)) AS [NOTE],
       CAST(t.[PHOTO] AS varbinary(max)) AS [PHOTO],
       CAST(t.[RV] AS varbinary(8)) AS [RV],
       t.[odd]]'name] AS [odd]]'name]
  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
   AND (COALESCE(DATALENGTH(t.[NOTE]), 0) > 8000 OR COALESCE(DATALENGTH(t.[PHOTO]), 0) > 8000)
OPTION (MAXDOP 1)
-- values: '2026-03-14', '2026-03-15'
GO

-- select_rows lines
SELECT t.[SHOP] AS [SHOP],
       t.[NO] AS [NO],
       t.[LINE] AS [LINE],
       t.[ITEM] AS [ITEM]
  FROM [COM_5013].[LINES] AS t
  JOIN [COM_5013].[SALES] AS p ON t.[SHOP] = p.[SHOP] AND t.[NO] = p.[NO]
 WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date))
OPTION (MAXDOP 1)
-- values: '2026-03-14', '2026-03-15'
GO

-- select_rows shifts
SELECT t.[ID] AS [ID],
       CONVERT(varchar(34), CAST(t.[BEGUN] AS datetimeoffset(7)), 121) AS [BEGUN],
       t.[BY] AS [BY]
  FROM [COM_5013].[SHIFTS] AS t
 WHERE (t.[BEGUN] >= CAST(? AS datetimeoffset(3)) AND t.[BEGUN] < CAST(? AS datetimeoffset(3)))
OPTION (MAXDOP 1)
-- values: '2026-03-14T00:00:00+08:00', '2026-03-15T00:00:00+08:00'
GO

-- select_rows sales, no day
SELECT t.[SHOP] AS [SHOP],
       t.[NO] AS [NO],
       t.[DAY] AS [DAY],
       t.[AMOUNT] AS [AMOUNT],
       CAST(t.[PAID] AS decimal(19,4)) AS [PAID],
       t.[RATE] AS [RATE],
       CAST(t.[MADE_AT] AS datetime2(3)) AS [MADE_AT],
       CONVERT(varchar(34), CAST(t.[SENT_AT] AS datetimeoffset(7)), 121) AS [SENT_AT],
       LOWER(CONVERT(char(36), t.[CUSTOMER])) AS [CUSTOMER],
       t.[NAME] AS [NAME],
       CAST(t.[NOTE] AS varchar(8000)) AS [NOTE],
       CAST(t.[PHOTO] AS varbinary(8000)) AS [PHOTO],
       CAST(t.[RV] AS varbinary(8)) AS [RV],
       t.[odd]]'name] AS [odd]]'name]
  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] IS NULL)
   AND (COALESCE(DATALENGTH(t.[NOTE]), 0) <= 8000 AND COALESCE(DATALENGTH(t.[PHOTO]), 0) <= 8000)
GO

-- select_rows items, increment
SELECT t.[ID] AS [ID],
       CAST(t.[RV] AS varbinary(8)) AS [RV]
  FROM [COM_5013].[ITEMS] AS t
 WHERE t.[RV] > CAST(? AS binary(8))
-- values: b'\x00\x00\x00\x00\x00\x00\x00\x07'
GO

-- select_rows_by_key sales
SELECT t.[SHOP] AS [SHOP],
t.[NO] AS [NO],
t.[DAY] AS [DAY],
t.[AMOUNT] AS [AMOUNT],
CAST(t.[PAID] AS decimal(19,4)) AS [PAID],
t.[RATE] AS [RATE],
CAST(t.[MADE_AT] AS datetime2(3)) AS [MADE_AT],
CONVERT(varchar(34), CAST(t.[SENT_AT] AS datetimeoffset(7)), 121) AS [SENT_AT],
LOWER(CONVERT(char(36), t.[CUSTOMER])) AS [CUSTOMER],
t.[NAME] AS [NAME],
CAST(t.[NOTE] AS varchar(max)) AS [NOTE],
CAST(t.[PHOTO] AS varbinary(max)) AS [PHOTO],
CAST(t.[RV] AS varbinary(8)) AS [RV],
t.[odd]]'name] AS [odd]]'name],
        CAST(t.[DAY] AS date) AS [__day]
   FROM OPENJSON(CAST(? AS nvarchar(max))) WITH (k0 nvarchar(4000), k1 nvarchar(4000)) AS k
   JOIN [COM_5013].[SALES] AS t ON t.[SHOP] = CAST(k.k0 AS varchar(20)) COLLATE DATABASE_DEFAULT AND (CAST(t.[SHOP] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2 = (CAST(CAST(k.k0 AS varchar(20)) AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2 AND t.[NO] = CAST(k.k1 AS bigint)
  WHERE t.[DAY] IS NOT NULL
-- values: '[{"k0": "gpo10", "k1": "7"}]'
GO

-- select_rows_by_key lines
SELECT t.[SHOP] AS [SHOP],
     t.[NO] AS [NO],
     t.[LINE] AS [LINE],
     t.[ITEM] AS [ITEM],
             CAST(p.[DAY] AS date) AS [__day]
        FROM OPENJSON(CAST(? AS nvarchar(max))) WITH (k0 nvarchar(4000), k1 nvarchar(4000), k2 nvarchar(4000)) AS k
        JOIN [COM_5013].[LINES] AS t ON t.[SHOP] = CAST(k.k0 AS varchar(20)) COLLATE DATABASE_DEFAULT AND (CAST(t.[SHOP] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2 = (CAST(CAST(k.k0 AS varchar(20)) AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2 AND t.[NO] = CAST(k.k1 AS bigint) AND t.[LINE] = CAST(k.k2 AS smallint)
LEFT JOIN [COM_5013].[SALES] AS p ON t.[SHOP] = p.[SHOP] AND t.[NO] = p.[NO]
       WHERE p.[DAY] IS NOT NULL
-- values: '[{"k0": "gpo10", "k1": "7", "k2": "1"}]'
GO

-- changed_days sales
SELECT g,
              COUNT_BIG(*) AS [rows],
              CAST(MAX(version) AS binary(8)) AS newest
         FROM (SELECT CAST(t.[DAY] AS date) AS g,
                      CAST(t.[RV] AS bigint) AS version
                 FROM [COM_5013].[SALES] AS t
WHERE t.[RV] > CAST(? AS binary(8))) AS changed
        WHERE version IS NOT NULL
        GROUP BY g
-- values: b'\x00\x00\x00\x00\x00\x00\x00\x07'
GO

-- count_days sales
SELECT g,
               COUNT_BIG(*) AS [rows]
          FROM (SELECT CAST(t.[DAY] AS date) AS g
                  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))) AS counted
         GROUP BY g
OPTION (MAXDOP 1)
-- values: '2026-03-14', '2026-03-15'
GO

-- count_days lines
SELECT g,
               COUNT_BIG(*) AS [rows]
          FROM (SELECT CAST(p.[DAY] AS date) AS g
                  FROM [COM_5013].[LINES] AS t
  JOIN [COM_5013].[SALES] AS p ON t.[SHOP] = p.[SHOP] AND t.[NO] = p.[NO]
 WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date))) AS counted
         GROUP BY g
OPTION (MAXDOP 1)
-- values: '2026-03-14', '2026-03-15'
GO

-- count_days items
SELECT g,
              COUNT_BIG(*) AS [rows]
         FROM (SELECT CAST(NULL AS date) AS g
                 FROM [COM_5013].[ITEMS] AS t
WHERE 1 = 1) AS counted
        GROUP BY g
GO

-- key_bounds sales
SELECT CAST(k AS nvarchar(max)) AS bound
          FROM (SELECT t.[SHOP] AS k,
                       ROW_NUMBER() OVER (ORDER BY t.[SHOP]) - 1 AS place
                  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))) AS numbered
         WHERE place > 0 AND place % 1000 = 0 AND k IS NOT NULL
         ORDER BY place
OPTION (MAXDOP 1)
-- values: '2026-03-14', '2026-03-15'
GO

-- key_bounds shifts
SELECT CONVERT(varchar(50), k) AS bound
         FROM (SELECT t.[ID] AS k,
                      ROW_NUMBER() OVER (ORDER BY t.[ID]) - 1 AS place
                 FROM [COM_5013].[SHIFTS] AS t
WHERE (t.[BEGUN] >= CAST(? AS datetimeoffset(3)) AND t.[BEGUN] < CAST(? AS datetimeoffset(3)))) AS numbered
        WHERE place > 0 AND place % 1000 = 0 AND k IS NOT NULL
        ORDER BY place
-- values: '2026-03-14T00:00:00+08:00', '2026-03-15T00:00:00+08:00'
GO

-- select_rows sales, key range
SELECT t.[SHOP] AS [SHOP],
       t.[NO] AS [NO],
       t.[DAY] AS [DAY],
       t.[AMOUNT] AS [AMOUNT],
       CAST(t.[PAID] AS decimal(19,4)) AS [PAID],
       t.[RATE] AS [RATE],
       CAST(t.[MADE_AT] AS datetime2(3)) AS [MADE_AT],
       CONVERT(varchar(34), CAST(t.[SENT_AT] AS datetimeoffset(7)), 121) AS [SENT_AT],
       LOWER(CONVERT(char(36), t.[CUSTOMER])) AS [CUSTOMER],
       t.[NAME] AS [NAME],
       CAST(t.[NOTE] AS varchar(8000)) AS [NOTE],
       CAST(t.[PHOTO] AS varbinary(8000)) AS [PHOTO],
       CAST(t.[RV] AS varbinary(8)) AS [RV],
       t.[odd]]'name] AS [odd]]'name]
  FROM [COM_5013].[SALES] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
   AND t.[SHOP] >= CAST(? AS varchar(20))
   AND t.[SHOP] < CAST(? AS varchar(20))
   AND (COALESCE(DATALENGTH(t.[NOTE]), 0) <= 8000 AND COALESCE(DATALENGTH(t.[PHOTO]), 0) <= 8000)
OPTION (MAXDOP 1)
-- values: '2026-03-14', '2026-03-15', 'a', "it's"
GO

-- select_rows shifts, last key range
SELECT t.[ID] AS [ID],
       CONVERT(varchar(34), CAST(t.[BEGUN] AS datetimeoffset(7)), 121) AS [BEGUN],
       t.[BY] AS [BY]
  FROM [COM_5013].[SHIFTS] AS t
 WHERE (t.[BEGUN] >= CAST(? AS datetimeoffset(3)) AND t.[BEGUN] < CAST(? AS datetimeoffset(3)))
   AND t.[ID] >= CAST(? AS int)
OPTION (MAXDOP 1)
-- values: '2026-03-14T00:00:00+08:00', '2026-03-15T00:00:00+08:00', '7'
GO

-- safe_rowversion
SELECT CAST(CAST(MIN_ACTIVE_ROWVERSION() AS bigint) - 1 AS binary(8))
GO

-- count_unparsable sales
SELECT COALESCE(SUM(CAST(CASE WHEN t.[odd]]'name] <> '' AND COALESCE(
           CASE WHEN t.[odd]]'name] COLLATE Latin1_General_100_BIN2 LIKE '[12][0-9][0-9][0-9]-[0-9]%-[0-9]%' THEN TRY_CONVERT(datetime, REPLACE(t.[odd]]'name], 'T', ' '), 121) END,
           CASE WHEN t.[odd]]'name] COLLATE Latin1_General_100_BIN2 LIKE '[0-9]%/[0-9]%/[12][0-9][0-9][0-9]%' THEN TRY_CONVERT(datetime, t.[odd]]'name], 103) END) IS NULL THEN 1 ELSE 0 END AS bigint)), 0)
  FROM [dbo].[SALES COPY] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
-- values: '2026-03-14', '2026-03-15'
GO

