-- table_ddl sales
IF SCHEMA_ID(N'dbo') IS NULL
    EXEC (N'CREATE SCHEMA [dbo]');
GO
IF OBJECT_ID(N'[dbo].[SALES COPY]', N'U') IS NULL
CREATE TABLE [dbo].[SALES COPY] (
    [SHOP] varchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [NO] bigint NOT NULL,
    [DAY] date NULL,
    [AMOUNT] decimal(16,4) NULL,
    [PAID] money NULL,
    [RATE] float NULL,
    [MADE_AT] datetime NULL,
    [SENT_AT] datetimeoffset(7) NULL,
    [CUSTOMER] uniqueidentifier NULL,
    [NAME] nvarchar(50) NULL,
    [NOTE] varchar(max) NULL,
    [PHOTO] varbinary(max) NULL,
    [RV] binary(8) NOT NULL,
    [odd]]'name] varchar(50) NULL,
    CONSTRAINT [pk_SALES COPY] PRIMARY KEY ([SHOP], [NO])
);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[SALES COPY]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'DAY')
     GROUP BY index_id
    HAVING COUNT(*) = 1)
CREATE INDEX [ix_DAY] ON [dbo].[SALES COPY] ([DAY]);
GO

-- table_ddl lines
IF SCHEMA_ID(N'dbo') IS NULL
    EXEC (N'CREATE SCHEMA [dbo]');
GO
IF OBJECT_ID(N'[dbo].[LINES]', N'U') IS NULL
CREATE TABLE [dbo].[LINES] (
    [SHOP] varchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [NO] bigint NOT NULL,
    [LINE] smallint NOT NULL,
    [ITEM] nvarchar(50) NULL,
    CONSTRAINT [pk_LINES] PRIMARY KEY ([SHOP], [NO], [LINE])
);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[LINES]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'SHOP'
         OR key_ordinal = 2 AND COL_NAME(object_id, column_id) = N'NO')
     GROUP BY index_id
    HAVING COUNT(*) = 2)
CREATE INDEX [ix_SHOP_NO] ON [dbo].[LINES] ([SHOP], [NO]);
GO

-- table_ddl shifts
IF SCHEMA_ID(N'dbo') IS NULL
    EXEC (N'CREATE SCHEMA [dbo]');
GO
IF OBJECT_ID(N'[dbo].[SHIFTS]', N'U') IS NULL
CREATE TABLE [dbo].[SHIFTS] (
    [ID] int NOT NULL,
    [BEGUN] datetimeoffset(3) NULL,
    [BY] char(8) NULL,
    CONSTRAINT [pk_SHIFTS] PRIMARY KEY ([ID])
);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[SHIFTS]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'BEGUN')
     GROUP BY index_id
    HAVING COUNT(*) = 1)
CREATE INDEX [ix_BEGUN] ON [dbo].[SHIFTS] ([BEGUN]);
GO

-- table_ddl items
IF SCHEMA_ID(N'dbo') IS NULL
    EXEC (N'CREATE SCHEMA [dbo]');
GO
IF OBJECT_ID(N'[dbo].[ITEMS]', N'U') IS NULL
CREATE TABLE [dbo].[ITEMS] (
    [ID] int NOT NULL,
    [RV] binary(8) NOT NULL,
    CONSTRAINT [pk_ITEMS] PRIMARY KEY ([ID])
);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[ITEMS]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'RV')
     GROUP BY index_id
    HAVING COUNT(*) = 1)
CREATE INDEX [ix_RV] ON [dbo].[ITEMS] ([RV]);
GO

-- table_ddl paid
IF SCHEMA_ID(N'dbo') IS NULL
    EXEC (N'CREATE SCHEMA [dbo]');
GO
IF OBJECT_ID(N'[dbo].[PAID]', N'U') IS NULL
CREATE TABLE [dbo].[PAID] (
    [ID] int NOT NULL,
    [PAID_AT] datetime NULL,
    [SHOP] nvarchar(30) NULL,
    [AMOUNT] money NULL,
    [VOID] tinyint NULL,
    CONSTRAINT [pk_PAID] PRIMARY KEY ([ID])
);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[PAID]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'PAID_AT')
     GROUP BY index_id
    HAVING COUNT(*) = 1)
CREATE INDEX [ix_PAID_AT] ON [dbo].[PAID] ([PAID_AT]);
GO

-- index_ddl sales
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[SALES COPY]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'SHOP'
         OR key_ordinal = 2 AND COL_NAME(object_id, column_id) = N'DAY'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'AMOUNT'))
     GROUP BY index_id
    HAVING COUNT(*) = 3)
CREATE INDEX [covering_SHOP_DAY] ON [dbo].[SALES COPY] ([SHOP], [DAY]) INCLUDE ([AMOUNT]);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[SALES COPY]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'DAY'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'RV'))
     GROUP BY index_id
    HAVING COUNT(*) = 2)
CREATE INDEX [covering_DAY] ON [dbo].[SALES COPY] ([DAY]) INCLUDE ([RV]);
GO
DROP INDEX IF EXISTS [ix_DAY] ON [dbo].[SALES COPY];
GO

-- view_ddl sales
IF OBJECT_ID(N'[dbo].[v_SALES COPY]', N'V') IS NOT NULL
    DROP VIEW [dbo].[v_SALES COPY];
GO
CREATE VIEW [dbo].[v_SALES COPY] AS
SELECT t.[SHOP],
       t.[NO],
       t.[DAY],
       t.[AMOUNT],
       t.[PAID],
       t.[RATE],
       t.[MADE_AT],
       t.[SENT_AT],
       t.[CUSTOMER],
       t.[NAME],
       t.[NOTE],
       t.[PHOTO],
       t.[RV],
       COALESCE(
           CASE WHEN t.[odd]]'name] COLLATE Latin1_General_100_BIN2 LIKE '[12][0-9][0-9][0-9]-[0-9]%-[0-9]%' THEN TRY_CONVERT(datetime, REPLACE(t.[odd]]'name], 'T', ' '), 121) END,
           CASE WHEN t.[odd]]'name] COLLATE Latin1_General_100_BIN2 LIKE '[0-9]%/[0-9]%/[12][0-9][0-9][0-9]%' THEN TRY_CONVERT(datetime, t.[odd]]'name], 103) END) AS [odd]]'name]
  FROM [dbo].[SALES COPY] AS t;
GO

