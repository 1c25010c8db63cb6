-- list_surplus_keys sales
SELECT CONCAT(N'[', STRING_AGG(CAST(surplus.[key] AS nvarchar(max)), N','), N']') AS keys,
              COUNT_BIG(*) AS size
         FROM (SELECT CONCAT(N'{', N'"k0": "', REPLACE(STRING_ESCAPE(CAST(CAST(t.[SHOP] AS nvarchar(max)) AS nvarchar(max)), 'json'), N'\/', N'/'), N'"', N', ', N'"k1": "', REPLACE(STRING_ESCAPE(CAST(CONVERT(varchar(50), t.[NO]) AS nvarchar(max)), 'json'), N'\/', N'/'), N'"', N'}') AS [key],
                      (ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) - 1) / 5000 AS list
                 FROM [dbo].[SALES COPY] AS t
WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
  AND NOT EXISTS (SELECT 1 FROM [replica_stage].[attempt_1] AS s WHERE t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1])) AS surplus
        GROUP BY surplus.list
-- values: '2026-03-14', '2026-03-15'
GO

-- list_surplus_keys lines
SELECT CONCAT(N'[', STRING_AGG(CAST(surplus.[key] AS nvarchar(max)), N','), N']') AS keys,
              COUNT_BIG(*) AS size
         FROM (SELECT CONCAT(N'{', N'"k0": "', REPLACE(STRING_ESCAPE(CAST(CAST(t.[SHOP] AS nvarchar(max)) AS nvarchar(max)), 'json'), N'\/', N'/'), N'"', N', ', N'"k1": "', REPLACE(STRING_ESCAPE(CAST(CONVERT(varchar(50), t.[NO]) AS nvarchar(max)), 'json'), N'\/', N'/'), N'"', N', ', N'"k2": "', REPLACE(STRING_ESCAPE(CAST(CONVERT(varchar(50), t.[LINE]) AS nvarchar(max)), 'json'), N'\/', N'/'), N'"', N'}') AS [key],
                      (ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) - 1) / 5000 AS list
                 FROM [dbo].[LINES] AS t
 JOIN [dbo].[SALES COPY] AS p ON t.[SHOP] = p.[SHOP] COLLATE Latin1_General_100_BIN2 AND t.[NO] = p.[NO]
WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date))
  AND NOT EXISTS (SELECT 1 FROM [replica_stage].[attempt_1] AS s WHERE t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1] AND t.[LINE] = s.[c2])) AS surplus
        GROUP BY surplus.list
-- values: '2026-03-14', '2026-03-15'
GO

-- count_surplus sales
SELECT COUNT_BIG(*) FROM [dbo].[SALES COPY] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
   AND NOT EXISTS (SELECT 1 FROM [replica_stage].[attempt_1] AS s WHERE t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1])
-- values: '2026-03-14', '2026-03-15'
GO

-- count_surplus lines
SELECT COUNT_BIG(*) FROM [dbo].[LINES] AS t
  JOIN [dbo].[SALES COPY] AS p ON t.[SHOP] = p.[SHOP] COLLATE Latin1_General_100_BIN2 AND t.[NO] = p.[NO]
 WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date))
   AND NOT EXISTS (SELECT 1 FROM [replica_stage].[attempt_1] AS s WHERE t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1] AND t.[LINE] = s.[c2])
-- values: '2026-03-14', '2026-03-15'
GO

-- count_elsewhere sales
SELECT COUNT_BIG(*)
  FROM [replica_stage].[attempt_1] AS s
  JOIN [dbo].[SALES COPY] AS t ON t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1]
 WHERE CASE WHEN t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date) THEN 0 ELSE 1 END = 1
-- values: '2026-03-14', '2026-03-15'
GO

-- count_elsewhere lines
SELECT COUNT_BIG(*)
  FROM [replica_stage].[attempt_1] AS s
  JOIN [dbo].[LINES] AS t ON t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1] AND t.[LINE] = s.[c2]
  LEFT JOIN [dbo].[SALES COPY] AS p ON t.[SHOP] = p.[SHOP] COLLATE Latin1_General_100_BIN2 AND t.[NO] = p.[NO]
 WHERE CASE WHEN p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date) THEN 0 ELSE 1 END = 1
-- values: '2026-03-14', '2026-03-15'
GO

-- count_present sales
SELECT COUNT_BIG(*) FROM [dbo].[SALES COPY] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
-- values: '2026-03-14', '2026-03-15'
GO

-- count_present lines
SELECT COUNT_BIG(*) FROM [dbo].[LINES] AS t
  JOIN [dbo].[SALES COPY] AS p ON t.[SHOP] = p.[SHOP] COLLATE Latin1_General_100_BIN2 AND t.[NO] = p.[NO]
 WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date))
-- values: '2026-03-14', '2026-03-15'
GO

-- delete_surplus sales
DELETE t
  FROM [dbo].[SALES COPY] AS t
 WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
   AND NOT EXISTS (SELECT 1 FROM [replica_stage].[attempt_1] AS s WHERE t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1])
-- values: '2026-03-14', '2026-03-15'
GO

-- delete_surplus lines
DELETE t
  FROM [dbo].[LINES] AS t
  JOIN [dbo].[SALES COPY] AS p ON t.[SHOP] = p.[SHOP] COLLATE Latin1_General_100_BIN2 AND t.[NO] = p.[NO]
 WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date))
   AND NOT EXISTS (SELECT 1 FROM [replica_stage].[attempt_1] AS s WHERE t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1] AND t.[LINE] = s.[c2])
-- values: '2026-03-14', '2026-03-15'
GO

-- delete_surplus items
DELETE t
  FROM [dbo].[ITEMS] AS t
 WHERE NOT EXISTS (SELECT 1 FROM [replica_stage].[attempt_1] AS s WHERE t.[ID] = s.[c0])
GO

