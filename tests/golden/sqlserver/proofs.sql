-- count_unequal sales
SELECT COUNT_BIG(*)
  FROM [replica_stage].[attempt_1] AS s
  LEFT JOIN [dbo].[SALES COPY] AS t ON t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1]
 WHERE t.[SHOP] IS NULL OR EXISTS (SELECT (CAST(t.[SHOP] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2,
      t.[NO],
      t.[DAY],
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
     SELECT (CAST(s.[c0] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2,
      s.[c1],
      s.[c2],
      s.[c3],
      CAST(s.[c4] AS money),
      CAST(s.[c5] AS binary(8)),
      CAST(s.[c6] AS datetime),
      CONVERT(varchar(34), CAST(CAST(s.[c7] AS datetimeoffset(7)) AS datetimeoffset(7)), 121),
      CAST(s.[c8] AS uniqueidentifier),
      (CAST(s.[c9] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2,
      (CAST(s.[c10] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2,
      CAST(CAST(s.[c11] AS varbinary(max)) AS varbinary(max)) + 0x01,
      s.[c12],
      (CAST(s.[c13] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2)
GO

-- count_unequal lines
SELECT COUNT_BIG(*)
  FROM [replica_stage].[attempt_1] AS s
  LEFT JOIN [dbo].[LINES] AS t ON t.[SHOP] = CAST(s.[c0] COLLATE Latin1_General_100_BIN2 AS varchar(20)) AND t.[NO] = s.[c1] AND t.[LINE] = s.[c2]
 WHERE t.[SHOP] IS NULL OR EXISTS (SELECT (CAST(t.[SHOP] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2,
      t.[NO],
      t.[LINE],
      (CAST(t.[ITEM] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2
     EXCEPT
     SELECT (CAST(s.[c0] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2,
      s.[c1],
      s.[c2],
      (CAST(s.[c3] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2)
GO

