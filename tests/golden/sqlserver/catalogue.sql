-- find_columns
SELECT c.name                                   AS name,
       COALESCE(bt.name, ut.name)               AS type_name,
       CAST(c.precision AS int)                 AS precision,
       CAST(c.scale AS int)                     AS scale,
       CAST(c.max_length AS int)                AS max_length,
       CAST(c.is_nullable AS int)               AS nullable,
       CAST(c.is_identity AS int) + CAST(c.is_computed AS int) AS made_by_server,
       c.collation_name                         AS collation
  FROM sys.columns c
  JOIN sys.objects o  ON o.object_id = c.object_id
  JOIN sys.schemas s  ON s.schema_id = o.schema_id
  JOIN sys.types ut   ON ut.user_type_id = c.user_type_id
  LEFT JOIN sys.types bt ON bt.user_type_id = ut.system_type_id
 WHERE s.name = ? AND o.name = ? AND o.type IN ('U', 'V')
 ORDER BY c.column_id
GO

