"""Texts that are dates, as PostgreSQL reads them: one function of our own, which never raises.

`to_timestamp` takes 31/02/2025 for a day in March or raises, as its version likes; a cast raises.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from psycopg import sql

from replica_worker.engines.postgresql.statements import column_of, rows_of, text_of
from replica_worker.engines.values import RowSelection
from replica_worker.model.specs import ColumnSpec, TableSpec

_NAME = "replica_text_as_datetime"

_FUNCTION = """
CREATE OR REPLACE FUNCTION {name}(written text, VARIADIC formats text[]) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    names CONSTANT text[] := '{{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}}';
    clock CONSTANT text :=
        '(?:[ T] *(\\d{{1,2}}):(\\d{{2}})(?::(\\d{{2}}(?:\\.\\d{{1,3}})?))? *([AaPp][Mm])?)? *$';
    format text;
    part text[];
    y int;
    m int;
    d int;
    hour int;
BEGIN
    FOREACH format IN ARRAY formats LOOP
        -- Most formats are ruled out without the costlier regular expression.
        CONTINUE WHEN written NOT LIKE CASE
            WHEN format LIKE 'Y%' THEN '____' || substr(format, 5, 1) || '%'
            ELSE '_%' || substr(format, 3, 1) || '_%' || substr(format, 3, 1) || '____%' END;
        part := regexp_match(written, '^' || replace(replace(replace(replace(replace(format,
            '.', '\\.'), 'YYYY', '([12]\\d{{3}})'), 'MM', '(\\d{{1,2}})'), 'DD', '(\\d{{1,2}})'),
            'Mon', '([A-Za-z]{{3}})') || clock);
        CONTINUE WHEN part IS NULL;
        y := part[CASE WHEN format LIKE 'Y%' THEN 1 ELSE 3 END];
        d := part[CASE WHEN format LIKE 'D%' THEN 1 WHEN format LIKE 'M%' THEN 2 ELSE 3 END];
        m := CASE WHEN format LIKE '%Mon%' THEN array_position(names, lower(part[2]))
                  ELSE part[CASE WHEN format LIKE 'M%' THEN 1 ELSE 2 END]::int END;
        hour := coalesce(part[4]::int, 0);
        -- What SQL Server takes: 13 PM is 1 PM, but 0 PM and 13 AM are nothing.
        CONTINUE WHEN part[7] ILIKE 'am' AND hour > 12 OR part[7] ILIKE 'pm' AND hour = 0;
        hour := CASE WHEN part[7] ILIKE 'am' AND hour = 12 THEN 0
                     WHEN part[7] ILIKE 'pm' AND hour < 12 THEN hour + 12 ELSE hour END;
        -- 1753 is the first year of SQL Server's datetime; a month that is no name is NULL.
        CONTINUE WHEN y < 1753 OR m IS NULL OR m NOT BETWEEN 1 AND 12 OR d < 1
            OR d > extract(day FROM make_date(y, m, 1) + interval '1 month - 1 day')
            OR hour > 23 OR part[5]::int > 59 OR part[6]::numeric >= 60;
        RETURN make_timestamp(y, m, d, hour, coalesce(part[5]::int, 0),
                              coalesce(part[6]::double precision, 0));
    END LOOP;
    RETURN NULL;
END
$$;
"""


def function_ddl(schema: str) -> str:
    """The function, in the schema of the tables that it serves; made again if it is there."""
    return text_of(sql.SQL(_FUNCTION).format(name=sql.Identifier(schema, _NAME))).strip()


def as_timestamp(
    table: TableSpec, column: ColumnSpec, written: sql.Composable | None = None
) -> sql.Composable:
    """The text as a timestamp, by the first format that fits; NULL if none does."""
    return sql.SQL("{function}({written}, {formats})::timestamp(3)").format(
        function=sql.Identifier(table.target_schema, _NAME),
        written=written or column_of("t", column.name),
        formats=sql.SQL(", ").join(sql.Literal(str(one)) for one in column.date_formats),
    )


def count_unparsable(selection: RowSelection, zone: ZoneInfo) -> sql.Composed:
    """How many texts of the selected rows hold something that no format of theirs fits.

    Rows of a day share their dates: each text is read once.
    """
    columns = list(enumerate(selection.table.date_texts))
    return sql.SQL(
        """
        SELECT coalesce(sum(seen.times), 0)
          FROM (SELECT one.written, one.place, count(*) AS times
                  FROM (SELECT {columns}
                          {rows}) AS t
                 CROSS JOIN LATERAL (VALUES {places}) AS one (written, place)
                 WHERE btrim(one.written) <> ''
                 GROUP BY one.written, one.place) AS seen
         WHERE CASE seen.place {dates} END IS NULL
        """
    ).format(
        columns=sql.SQL(", ").join(column_of("t", column.name) for _, column in columns),
        rows=rows_of(selection, zone),
        places=sql.SQL(", ").join(
            sql.SQL("({}, {})").format(column_of("t", column.name), sql.Literal(place))
            for place, column in columns
        ),
        dates=sql.SQL(" ").join(
            sql.SQL("WHEN {} THEN {}").format(
                sql.Literal(place),
                as_timestamp(selection.table, column, sql.SQL("seen.written")),
            )
            for place, column in columns
        ),
    )
