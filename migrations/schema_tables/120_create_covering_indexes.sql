IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[APP_4_SALES]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'DATETIME__SALES_DATE'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'SALES_NO', N'SALE_LOCATION', N'DOUBLE_TOTAL_AMOUNT', N'UPDATE_TIMESTAMP'))
     GROUP BY index_id
    HAVING COUNT(*) = 5)
CREATE INDEX [covering_DATETIME__SALES_DATE] ON [dbo].[APP_4_SALES] ([DATETIME__SALES_DATE]) INCLUDE ([SALES_NO], [SALE_LOCATION], [DOUBLE_TOTAL_AMOUNT], [UPDATE_TIMESTAMP]);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[APP_4_SALES]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'SALE_LOCATION'
         OR key_ordinal = 2 AND COL_NAME(object_id, column_id) = N'DATETIME__SALES_DATE'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'SALES_NO', N'DOUBLE_TOTAL_AMOUNT'))
     GROUP BY index_id
    HAVING COUNT(*) = 4)
CREATE INDEX [covering_SALE_LOCATION_DATETIME__SALES_DATE] ON [dbo].[APP_4_SALES] ([SALE_LOCATION], [DATETIME__SALES_DATE]) INCLUDE ([SALES_NO], [DOUBLE_TOTAL_AMOUNT]);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[APP_4_SALES]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'SALES_NO'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'DATETIME__SALES_DATE', N'SALE_LOCATION'))
     GROUP BY index_id
    HAVING COUNT(*) = 3)
CREATE INDEX [covering_SALES_NO] ON [dbo].[APP_4_SALES] ([SALES_NO]) INCLUDE ([DATETIME__SALES_DATE], [SALE_LOCATION]);
GO
DROP INDEX IF EXISTS [ix_DATETIME__SALES_DATE] ON [dbo].[APP_4_SALES];
GO

IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[APP_4_SALESITEM]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'DATETIME__SALES_DATE'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'SALES_NO', N'SALES_LOCATION', N'UPDATE_TIMESTAMP'))
     GROUP BY index_id
    HAVING COUNT(*) = 4)
CREATE INDEX [covering_DATETIME__SALES_DATE] ON [dbo].[APP_4_SALESITEM] ([DATETIME__SALES_DATE]) INCLUDE ([SALES_NO], [SALES_LOCATION], [UPDATE_TIMESTAMP]);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[APP_4_SALESITEM]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'SALES_LOCATION'
         OR key_ordinal = 2 AND COL_NAME(object_id, column_id) = N'DATETIME__SALES_DATE'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'SALES_NO', N'ITEM_CODE', N'INT_QUANTITY', N'DOUBLE_SUB_TOTAL'))
     GROUP BY index_id
    HAVING COUNT(*) = 6)
CREATE INDEX [covering_SALES_LOCATION_DATETIME__SALES_DATE] ON [dbo].[APP_4_SALESITEM] ([SALES_LOCATION], [DATETIME__SALES_DATE]) INCLUDE ([SALES_NO], [ITEM_CODE], [INT_QUANTITY], [DOUBLE_SUB_TOTAL]);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[APP_4_SALESITEM]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'SALES_NO'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'DATETIME__SALES_DATE', N'ITEM_CODE'))
     GROUP BY index_id
    HAVING COUNT(*) = 3)
CREATE INDEX [covering_SALES_NO] ON [dbo].[APP_4_SALESITEM] ([SALES_NO]) INCLUDE ([DATETIME__SALES_DATE], [ITEM_CODE]);
GO
DROP INDEX IF EXISTS [ix_DATETIME__SALES_DATE] ON [dbo].[APP_4_SALESITEM];
GO

IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[APP_4_PAYMENT]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'DATETIME__DATE'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'INVOICE_ID', N'LOCATION_ID', N'UPDATE_TIMESTAMP'))
     GROUP BY index_id
    HAVING COUNT(*) = 4)
CREATE INDEX [covering_DATETIME__DATE] ON [dbo].[APP_4_PAYMENT] ([DATETIME__DATE]) INCLUDE ([INVOICE_ID], [LOCATION_ID], [UPDATE_TIMESTAMP]);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[APP_4_PAYMENT]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'LOCATION_ID'
         OR key_ordinal = 2 AND COL_NAME(object_id, column_id) = N'DATETIME__DATE'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'INVOICE_ID', N'METHOD', N'DOUBLE_AMOUNT'))
     GROUP BY index_id
    HAVING COUNT(*) = 5)
CREATE INDEX [covering_LOCATION_ID_DATETIME__DATE] ON [dbo].[APP_4_PAYMENT] ([LOCATION_ID], [DATETIME__DATE]) INCLUDE ([INVOICE_ID], [METHOD], [DOUBLE_AMOUNT]);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[APP_4_PAYMENT]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'INVOICE_ID'
         OR is_included_column = 1 AND COL_NAME(object_id, column_id) IN (N'DATETIME__DATE', N'METHOD', N'DOUBLE_AMOUNT'))
     GROUP BY index_id
    HAVING COUNT(*) = 4)
CREATE INDEX [covering_INVOICE_ID] ON [dbo].[APP_4_PAYMENT] ([INVOICE_ID]) INCLUDE ([DATETIME__DATE], [METHOD], [DOUBLE_AMOUNT]);
GO
DROP INDEX IF EXISTS [ix_DATETIME__DATE] ON [dbo].[APP_4_PAYMENT];
GO

IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[APP_4_CUSTOMER]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'LOCATION_ID')
     GROUP BY index_id
    HAVING COUNT(*) = 1)
CREATE INDEX [covering_LOCATION_ID] ON [dbo].[APP_4_CUSTOMER] ([LOCATION_ID]);
GO
