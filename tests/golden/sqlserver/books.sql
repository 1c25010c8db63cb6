-- count_headers
WITH header AS (
               SELECT CAST(t.[DAY] AS date) AS day, CAST(t.[NAME] AS nvarchar(255)) AS location, NULLIF(t.[SHOP], '') AS number,
                      0 AS amount
                 FROM [dbo].[SALES COPY] AS t
WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
  AND (t.[odd]]'name] IS NULL OR t.[odd]]'name] NOT IN (CAST(? AS varchar(50)), CAST(? AS varchar(50))))),
           twin AS (
               SELECT t.[SHOP] AS number
                 FROM [dbo].[SALES COPY] AS t
                WHERE t.[SHOP] IN (SELECT number FROM header)
  AND (t.[odd]]'name] IS NULL OR t.[odd]]'name] NOT IN (CAST(? AS varchar(50)), CAST(? AS varchar(50))))
                GROUP BY t.[SHOP]
               HAVING COUNT_BIG(*) > 1)
           SELECT h.day, h.location,
                  COUNT_BIG(*), COUNT_BIG(*) - COUNT_BIG(h.number), COUNT_BIG(w.number)
             FROM header AS h
             LEFT JOIN twin AS w ON w.number = h.number
            GROUP BY h.day, h.location
-- values: '2026-03-14', '2026-03-15', 'x', 'y', 'x', 'y'
GO

-- compare_lines lines
WITH header AS (
               SELECT CAST(t.[DAY] AS date) AS day, CAST(t.[NAME] AS nvarchar(255)) AS location, NULLIF(t.[SHOP], '') AS number,
                      CAST(COALESCE(t.[AMOUNT], 0) AS decimal(28, 6)) + CAST(COALESCE(t.[PAID], 0) AS decimal(28, 6)) AS amount
                 FROM [dbo].[SALES COPY] AS t
WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
  AND (t.[odd]]'name] IS NULL OR t.[odd]]'name] NOT IN (CAST(? AS varchar(50)), CAST(? AS varchar(50))))),
           twin AS (
               SELECT t.[SHOP] AS number
                 FROM [dbo].[SALES COPY] AS t
                WHERE t.[SHOP] IN (SELECT number FROM header)
  AND (t.[odd]]'name] IS NULL OR t.[odd]]'name] NOT IN (CAST(? AS varchar(50)), CAST(? AS varchar(50))))
                GROUP BY t.[SHOP]
               HAVING COUNT_BIG(*) > 1),
           found AS (
               SELECT t.[SHOP] AS number, SUM(CAST(COALESCE(t.[LINE], 0) AS decimal(28, 6))) AS amount
                 FROM [dbo].[LINES] AS t
                WHERE t.[SHOP] IN (SELECT number FROM header)
                GROUP BY t.[SHOP])
           SELECT h.day, h.location,
                  COUNT_BIG(*),
                  SUM(CASE WHEN f.number IS NULL AND h.amount <> 0 THEN 1 ELSE 0 END),
                  SUM(CASE WHEN f.amount <> h.amount THEN 1 ELSE 0 END),
                  SUM(h.amount), COALESCE(SUM(f.amount), 0)
             FROM header AS h
             LEFT JOIN twin AS w  ON w.number = h.number
             LEFT JOIN found AS f ON f.number = h.number
            WHERE h.number IS NOT NULL AND w.number IS NULL
            GROUP BY h.day, h.location
-- values: '2026-03-14', '2026-03-15', 'x', 'y', 'x', 'y'
GO

-- count_lines lines
WITH line AS (
               SELECT CAST(p.[DAY] AS date) AS day, CAST(NULL AS nvarchar(255)) AS location, NULLIF(t.[SHOP], '') AS number
                 FROM [dbo].[LINES] AS t
 JOIN [dbo].[SALES COPY] AS p ON t.[SHOP] = p.[SHOP] COLLATE Latin1_General_100_BIN2 AND t.[NO] = p.[NO]
WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date))),
           known AS (
               SELECT DISTINCT t.[SHOP] AS number
                 FROM [dbo].[SALES COPY] AS t
                WHERE t.[SHOP] IN (SELECT number FROM line)
  AND (t.[odd]]'name] IS NULL OR t.[odd]]'name] NOT IN (CAST(? AS varchar(50)), CAST(? AS varchar(50)))))
           SELECT l.day, l.location,
                  COUNT_BIG(*), COUNT_BIG(*) - COUNT_BIG(l.number),
                  COUNT_BIG(l.number) - COUNT_BIG(k.number)
             FROM line AS l
             LEFT JOIN known AS k ON k.number = l.number
            GROUP BY l.day, l.location
-- values: '2026-03-14', '2026-03-15', 'x', 'y'
GO

-- header_days lines
SELECT DISTINCT CAST(t.[DAY] AS date)
             FROM [dbo].[SALES COPY] AS t
WHERE 1 = 1
              AND t.[SHOP] IN (SELECT NULLIF(t.[SHOP], '') FROM [dbo].[LINES] AS t
 JOIN [dbo].[SALES COPY] AS p ON t.[SHOP] = p.[SHOP] COLLATE Latin1_General_100_BIN2 AND t.[NO] = p.[NO]
WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date)))
-- values: '2026-03-14', '2026-03-15'
GO

-- compare_lines paid
WITH header AS (
               SELECT CAST(t.[DAY] AS date) AS day, CAST(t.[NAME] AS nvarchar(255)) AS location, NULLIF(t.[SHOP] COLLATE Latin1_General_100_BIN2, '') AS number,
                      CAST(COALESCE(t.[PAID], 0) AS decimal(28, 6)) AS amount
                 FROM [dbo].[SALES COPY] AS t
WHERE (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date))
  AND (t.[odd]]'name] IS NULL OR t.[odd]]'name] NOT IN (CAST(? AS varchar(50)), CAST(? AS varchar(50))))),
           twin AS (
               SELECT t.[SHOP] COLLATE Latin1_General_100_BIN2 AS number
                 FROM [dbo].[SALES COPY] AS t
                WHERE t.[SHOP] COLLATE Latin1_General_100_BIN2 IN (SELECT number FROM header)
  AND (t.[odd]]'name] IS NULL OR t.[odd]]'name] NOT IN (CAST(? AS varchar(50)), CAST(? AS varchar(50))))
                GROUP BY t.[SHOP] COLLATE Latin1_General_100_BIN2
               HAVING COUNT_BIG(*) > 1),
           found AS (
               SELECT t.[SHOP] COLLATE Latin1_General_100_BIN2 AS number, SUM(CAST(COALESCE(t.[AMOUNT], 0) AS decimal(28, 6))) AS amount
                 FROM [dbo].[PAID] AS t
                WHERE t.[SHOP] COLLATE Latin1_General_100_BIN2 IN (SELECT number FROM header)
  AND (t.[VOID] IS NULL OR t.[VOID] NOT IN (CAST(? AS tinyint)))
                GROUP BY t.[SHOP] COLLATE Latin1_General_100_BIN2)
           SELECT h.day, h.location,
                  COUNT_BIG(*),
                  SUM(CASE WHEN f.number IS NULL AND h.amount <> 0 THEN 1 ELSE 0 END),
                  SUM(CASE WHEN f.amount <> h.amount THEN 1 ELSE 0 END),
                  SUM(h.amount), COALESCE(SUM(f.amount), 0)
             FROM header AS h
             LEFT JOIN twin AS w  ON w.number = h.number
             LEFT JOIN found AS f ON f.number = h.number
            WHERE h.number IS NOT NULL AND w.number IS NULL
            GROUP BY h.day, h.location
-- values: '2026-03-14', '2026-03-15', 'x', 'y', 'x', 'y', 1
GO

-- count_lines paid
WITH line AS (
               SELECT CAST(t.[PAID_AT] AS date) AS day, CAST(NULL AS nvarchar(255)) AS location, NULLIF(t.[SHOP] COLLATE Latin1_General_100_BIN2, '') AS number
                 FROM [dbo].[PAID] AS t
WHERE (t.[PAID_AT] >= CAST(? AS datetime) AND t.[PAID_AT] < CAST(? AS datetime))
  AND (t.[VOID] IS NULL OR t.[VOID] NOT IN (CAST(? AS tinyint)))),
           known AS (
               SELECT DISTINCT t.[SHOP] COLLATE Latin1_General_100_BIN2 AS number
                 FROM [dbo].[SALES COPY] AS t
                WHERE t.[SHOP] COLLATE Latin1_General_100_BIN2 IN (SELECT number FROM line)
  AND (t.[odd]]'name] IS NULL OR t.[odd]]'name] NOT IN (CAST(? AS varchar(50)), CAST(? AS varchar(50)))))
           SELECT l.day, l.location,
                  COUNT_BIG(*), COUNT_BIG(*) - COUNT_BIG(l.number),
                  COUNT_BIG(l.number) - COUNT_BIG(k.number)
             FROM line AS l
             LEFT JOIN known AS k ON k.number = l.number
            GROUP BY l.day, l.location
-- values: '2026-03-14T00:00:00', '2026-03-15T00:00:00', 1, 'x', 'y'
GO

-- header_days paid
SELECT DISTINCT CAST(t.[DAY] AS date)
             FROM [dbo].[SALES COPY] AS t
WHERE 1 = 1
              AND t.[SHOP] COLLATE Latin1_General_100_BIN2 IN (SELECT NULLIF(t.[SHOP] COLLATE Latin1_General_100_BIN2, '') FROM [dbo].[PAID] AS t
WHERE (t.[PAID_AT] >= CAST(? AS datetime) AND t.[PAID_AT] < CAST(? AS datetime)))
-- values: '2026-03-14T00:00:00', '2026-03-15T00:00:00'
GO

