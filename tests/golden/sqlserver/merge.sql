-- count_new sales
SELECT COUNT_BIG(*) FROM [replica_stage].[attempt_1] AS s
 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[SALES COPY] AS t WHERE t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1])
GO

-- count_new lines
SELECT COUNT_BIG(*) FROM [replica_stage].[attempt_1] AS s
 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[LINES] AS t WHERE t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1] AND t.[LINE] = s.[c2])
GO

-- merge_staged sales
MERGE INTO [dbo].[SALES COPY] WITH (HOLDLOCK) AS t
USING [replica_stage].[attempt_1] AS s
   ON t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1]
WHEN MATCHED AND EXISTS (SELECT t.[DAY],
      t.[AMOUNT],
      t.[PAID],
      CAST(t.[RATE] AS binary(8)),
      t.[MADE_AT],
      CONVERT(varchar(34), CAST(t.[SENT_AT] AS datetimeoffset(7)), 121),
      t.[CUSTOMER],
      (CAST(t.[NAME] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2,
      (CAST(t.[NOTE] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2,
      CAST(t.[PHOTO] AS varbinary(max)) + 0x01,
      t.[RV],
      (CAST(t.[odd]]'name] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2
     EXCEPT
     SELECT s.[c2],
      s.[c3],
      CAST(s.[c4] AS money),
      CAST(s.[c5] AS binary(8)),
      CAST(s.[c6] AS datetime),
      CONVERT(varchar(34), CAST(CAST(s.[c7] AS datetimeoffset(7)) AS datetimeoffset(7)), 121),
      CAST(s.[c8] AS uniqueidentifier),
      (CAST(CAST(s.[c9] AS nvarchar(50)) AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2,
      (CAST(CAST(s.[c10] AS varchar(max)) AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2,
      CAST(CAST(s.[c11] AS varbinary(max)) AS varbinary(max)) + 0x01,
      s.[c12],
      (CAST(CAST(s.[c13] AS varchar(50)) AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2)
     AND (t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date)) THEN
     UPDATE SET [DAY] = s.[c2],
      [AMOUNT] = s.[c3],
      [PAID] = CAST(s.[c4] AS money),
      [RATE] = s.[c5],
      [MADE_AT] = CAST(s.[c6] AS datetime),
      [SENT_AT] = CAST(s.[c7] AS datetimeoffset(7)),
      [CUSTOMER] = CAST(s.[c8] AS uniqueidentifier),
      [NAME] = CAST(s.[c9] AS nvarchar(50)),
      [NOTE] = CAST(s.[c10] AS varchar(max)),
      [PHOTO] = CAST(s.[c11] AS varbinary(max)),
      [RV] = s.[c12],
      [odd]]'name] = CAST(s.[c13] AS varchar(50))
WHEN NOT MATCHED BY TARGET THEN
     INSERT ([SHOP],
      [NO],
      [DAY],
      [AMOUNT],
      [PAID],
      [RATE],
      [MADE_AT],
      [SENT_AT],
      [CUSTOMER],
      [NAME],
      [NOTE],
      [PHOTO],
      [RV],
      [odd]]'name])
     VALUES (CAST(s.[c0] AS varchar(20)),
      s.[c1],
      s.[c2],
      s.[c3],
      CAST(s.[c4] AS money),
      s.[c5],
      CAST(s.[c6] AS datetime),
      CAST(s.[c7] AS datetimeoffset(7)),
      CAST(s.[c8] AS uniqueidentifier),
      CAST(s.[c9] AS nvarchar(50)),
      CAST(s.[c10] AS varchar(max)),
      CAST(s.[c11] AS varbinary(max)),
      s.[c12],
      CAST(s.[c13] AS varchar(50)));
-- values: '2026-03-14', '2026-03-15'
GO

-- merge_staged lines
MERGE INTO [dbo].[LINES] WITH (HOLDLOCK) AS t
       USING [replica_stage].[attempt_1] AS s
          ON t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1] AND t.[LINE] = s.[c2]
       WHEN MATCHED AND EXISTS (SELECT (CAST(t.[ITEM] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2
            EXCEPT
            SELECT (CAST(CAST(s.[c3] AS nvarchar(50)) AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2)
            AND EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS dated
 LEFT JOIN [dbo].[SALES COPY] AS p ON t.[SHOP] = p.[SHOP] COLLATE Latin1_General_100_BIN2 AND t.[NO] = p.[NO]
WHERE (p.[DAY] >= CAST(? AS date) AND p.[DAY] < CAST(? AS date))) THEN
            UPDATE SET [ITEM] = CAST(s.[c3] AS nvarchar(50))
       WHEN NOT MATCHED BY TARGET THEN
            INSERT ([SHOP],
             [NO],
             [LINE],
             [ITEM])
            VALUES (CAST(s.[c0] AS varchar(20)),
             s.[c1],
             s.[c2],
             CAST(s.[c3] AS nvarchar(50)));
-- values: '2026-03-14', '2026-03-15'
GO

