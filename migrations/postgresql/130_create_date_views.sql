CREATE OR REPLACE FUNCTION "dbo"."replica_text_as_datetime"(written text, VARIADIC formats text[]) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    names CONSTANT text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
    clock CONSTANT text :=
        '(?:[ T] *(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,3})?))? *([AaPp][Mm])?)? *$';
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
            '.', '\.'), 'YYYY', '([12]\d{3})'), 'MM', '(\d{1,2})'), 'DD', '(\d{1,2})'),
            'Mon', '([A-Za-z]{3})') || clock);
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
DROP VIEW IF EXISTS "dbo"."v_APP_4_SALES";
CREATE VIEW "dbo"."v_APP_4_SALES" AS
SELECT t."ID",
       t."SALES_NO",
       "dbo"."replica_text_as_datetime"(t."SALES_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "SALES_DATE",
       t."NOW_TIME",
       t."DOUBLE_TOTAL_AMOUNT",
       t."RECIPIENT",
       t."CUSTOMER_ID",
       t."CUSTOMER_NAME",
       t."DOUBLE_PAID_AMOUNT",
       t."DOUBLE_BALANCE_AMOUNT",
       t."TERM",
       t."CASHIER",
       t."BILL_STREET",
       t."BILL_CITY",
       t."BILL_STATE",
       t."BILL_COUNTRY",
       t."BILL_POSTCODE",
       t."BILL_REMARK",
       t."SHIP_STREET",
       t."SHIP_CITY",
       t."SHIP_STATE",
       t."SHIP_COUNTRY",
       t."SHIP_POSTCODE",
       t."SHIP_REMARK",
       t."SALES_STATUS",
       t."SHIP_STATUS",
       "dbo"."replica_text_as_datetime"(t."SHIPMENT_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "SHIPMENT_DATE",
       t."SHIPMENT_TIME",
       t."SALES_PERSON",
       t."PAYMENT_STATUS",
       t."SALE_LOCATION",
       t."DOUBLE_DISCOUNT_PERCENTAGE",
       t."DOUBLE_TAX_PERCENTAGE",
       t."DOUBLE_COST",
       t."DOUBLE_PROFIT",
       t."SALE_REMARK",
       t."BOOL_IS_CASH_SALES",
       t."BOOL_IS_WEBSALES",
       t."DOUBLE_ROUNDINGAMOUNT",
       t."RECIPIENT_CONTACT",
       t."CANCEL_BY",
       t."CANCEL_REMARK",
       "dbo"."replica_text_as_datetime"(t."CANCEL_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "CANCEL_DATE",
       t."CANCEL_TIME",
       t."CANCEL_LOCATION_ID",
       t."DOUBLE_NET_AMOUNT",
       "dbo"."replica_text_as_datetime"(t."SETTLEMENT_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "SETTLEMENT_DATE",
       t."BOOL_IS_RETURNSALES",
       t."BOOL_IS_INTERNALSALES",
       t."INTERNAL_SALES_LOCATION",
       t."RECEIVE_ID",
       t."FR_RECEIVEID",
       t."INTERNAL_SALES_RECEIVEVENDORID",
       t."INTERNAL_SALES_RECEIVEVENDORNAME",
       t."CLIENT_FAX",
       t."SALES_TYPE",
       t."DOUBLE_TENDERED_AMOUNT",
       t."DECLARATIONSESSIONID",
       t."EODLOGID",
       t."STOREEODID",
       t."DATETIME__SALES_DATE",
       t."TIME__NOW_TIME",
       t."DATETIME__SHIPMENT_DATE",
       t."TIME__SHIPMENT_TIME",
       t."DATETIME__CANCEL_DATE",
       t."TIME__CANCEL_TIME",
       t."DATETIME__SETTLEMENT_DATE",
       t."QUOTATIONS_NO",
       t."SALES_ORDER_NO",
       t."BOOL_SO_REVERT",
       t."REF_SALES_ID",
       t."COUNTER_TIMER",
       t."DOUBLE_MGST_TAX_AMOUNT",
       "dbo"."replica_text_as_datetime"(t."BUSINESS_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "BUSINESS_DATE",
       t."DATETIME__BUSINESS_DATE",
       t."CUSTOMER_TYPE",
       t."COMPLETED_DATE",
       t."CUSTOM_FIELD_VALUE_1",
       t."CUSTOM_FIELD_VALUE_2",
       t."CUSTOM_FIELD_VALUE_3",
       t."CUSTOM_FIELD_VALUE_4",
       t."CUSTOM_FIELD_VALUE_5",
       t."DOUBLE_EXCHANGERATE",
       "dbo"."replica_text_as_datetime"(t."ESTIMATED_DELIVERY_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "ESTIMATED_DELIVERY_DATE",
       t."DATETIME__ESTIMATED_DELIVERY_DATE",
       t."ROWLOCKING",
       t."PRE_SAVED_STATUS",
       t."BOOL_ISBILLPRINTED",
       t."BOOL_ISREFUND",
       t."INT_PRINTBILLCOUNT",
       t."INT_FIREORDERCOUNT",
       t."BOOL_SEND_VIA_EMAIL",
       t."EMAIL_STATUS",
       t."EMAIL_REMARK",
       t."DOUBLE_SERVICECHARGE_AMOUNT",
       t."BOOL_IS_ENTERTAINMENT",
       t."DOUBLE_FOREIGN_TOTAL_AMOUNT",
       t."CURRENCY_CODE",
       t."SHIPMENTPROVIDER",
       t."DOUBLE_LOCAL_AMOUNT_EXCRATE",
       t."DOUBLE_FOREIGN_AMOUNT_EXCRATE",
       t."INT_DISCOUNT_INDICATOR",
       t."DOUBLE_TOTAL_BILL_DISCOUNT_AMOUNT",
       t."DOUBLE_TOTAL_ITEM_DISCOUNT_AMOUNT",
       t."DOUBLE_PRICE_MARKUP_PERCENTAGE",
       t."INTEGRATION_CUSTOM_FIELD_1",
       t."INTEGRATION_CUSTOM_FIELD_2",
       t."INTEGRATION_CUSTOM_FIELD_3",
       t."INTEGRATION_CUSTOM_FIELD_4",
       t."INTEGRATION_CUSTOM_FIELD_5",
       t."INTEGRATION_CUSTOM_FIELD_6",
       t."INTEGRATION_CUSTOM_FIELD_7",
       t."INTEGRATION_CUSTOM_FIELD_8",
       t."INTEGRATION_CUSTOM_FIELD_9",
       t."INTEGRATION_CUSTOM_FIELD_10",
       t."EXTERNAL_REF_ID",
       t."ORDER_SOURCE",
       t."INT_EXTEND_1",
       t."INT_EXTEND_2",
       t."INT_EXTEND_3",
       t."STRING_EXTEND_1",
       t."STRING_EXTEND_2",
       t."STRING_EXTEND_3",
       t."WBDELETED",
       t."UPDATE_TIMESTAMP",
       t."BOOL_IS_INCLUSIVE_TAX",
       t."DELIVERY_TYPE",
       t."START_TIME",
       t."END_TIME",
       t."TIME_USED",
       t."ORDERID",
       t."EXTERNAL_REF_ID_2",
       t."SALES_PERSON_USERNAME",
       t."ORDERTERMINALID",
       t."SUBSALES_TYPE",
       t."BOOL_IS_SMS_SENT",
       t."ADJUSTMENT_ID",
       t."DOUBLE_DELIVERYCHARGEAMOUNT",
       t."DOUBLE_DELIVERYCHARGEPERCENTAGE",
       t."EXTERNAL_REF_ID_3",
       t."CUSTOMER_ADDITIONAL_INFO_1",
       t."CUSTOMER_ADDITIONAL_INFO_2",
       t."JOURNAL_ID",
       t."CLONED_SALES_ID",
       t."SALESCHANNEL",
       t."TERMS_START_DATE",
       t."PAYMENT_FLOW_TYPE",
       t."CUSTOMER_ALT_LOOK_UP",
       t."CUSTOMER_EMAIL",
       t."XCARD",
       t."SRV_YYYY__SALES_DATE",
       t."CUSTOMER_IC",
       t."CUSTOMER_GROUP",
       t."SALES_RETURN_REASON",
       t."PICKUP_BARCODE",
       t."CUSTOMER_POINT_BEFORE_SALES",
       t."PENDING_ACTION_INFO",
       t."E_LHDN_TIN",
       t."E_LHDN_UUID",
       t."DOC_GUID",
       t."BOOL_E_LHDN_REQUIRED_POSTING",
       t."DATETIMEUTC_LHDN_VALIDATE_DATE",
       t."CUSTOMER_IDENTIFICATION_TYPE",
       t."E_LHDN_BUYER_TYPE",
       t."BUYER_SST_NUMBER",
       t."E_OWNER_PROFILE_ID",
       t."DOUBLE_FOREIGN_SERVICECHARGE_AMOUNT",
       t."DOUBLE_FOREIGN_ROUNDING_AMOUNT",
       t."DOUBLE_FOREIGN_DISCOUNT_AMOUNT",
       t."DOUBLE_FOREIGN_TAX_AMOUNT",
       t."DOCUMENT_LONG_ID",
       t."BILLING_FREQUENCY",
       t."BILL_DISCOUNT_REMARK",
       t."BOOL_IS_LHDN_INVOICE",
       t."EXTERNALCLIENTID",
       t."POS_REF_ID",
       t."SUBMIT_SALES_REF_ID",
       t."SUBMIT_SALES_REF_ID_2",
       t."CANCEL_SALES_REF_ID",
       t."PAYMENT_LOCK",
       t."BOOL_IS_IMPORTED",
       t."DATETIMEUTC_NEXT_BILLING_DATE",
       t."BOOL_IS_FNB",
       t."BOOL_ISWARRANTY"
  FROM "dbo"."APP_4_SALES" t;

CREATE OR REPLACE FUNCTION "dbo"."replica_text_as_datetime"(written text, VARIADIC formats text[]) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    names CONSTANT text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
    clock CONSTANT text :=
        '(?:[ T] *(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,3})?))? *([AaPp][Mm])?)? *$';
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
            '.', '\.'), 'YYYY', '([12]\d{3})'), 'MM', '(\d{1,2})'), 'DD', '(\d{1,2})'),
            'Mon', '([A-Za-z]{3})') || clock);
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
DROP VIEW IF EXISTS "dbo"."v_APP_4_SALESITEM";
CREATE VIEW "dbo"."v_APP_4_SALESITEM" AS
SELECT t."ID",
       t."ITEM_CODE",
       t."ITEM_NAME",
       t."ITEM_TYPE",
       t."MODEL",
       t."DESCRIPTION",
       t."DOUBLE_PRICE",
       t."VENDORCODE",
       t."SALES_NO",
       t."INT_QUANTITY",
       t."INT_SHIPPED_QUANTITY",
       t."DOUBLE_PROFIT",
       t."DOUBLE_COST",
       t."DOUBLE_DISCOUNT_PERCENTAGE",
       t."INSTORE_LOCATION",
       t."RETURN_ID",
       t."INT_NUMBER_OF_RETURN",
       t."CUSTOMER_ID",
       t."CUSTOMER_NAME",
       t."BRAND",
       "dbo"."replica_text_as_datetime"(t."SALES_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "SALES_DATE",
       t."SALES_LOCATION",
       t."ONSALES_ITEM_CODE",
       t."PO_ITEM_ID",
       t."DOUBLE_MANUFACTURER_SUGGESTED_RETAIL_PRICE",
       t."DOUBLE_SALE_PRICE",
       t."DOUBLE_EMPLOYEE_PRICE",
       t."DOUBLE_WHOLESALE_PRICE",
       t."DOUBLE_CUSTOM_PRICE",
       t."DOUBLE_WEB_PRICE",
       t."DOUBLE_WEB_DEALER_PRICE",
       t."DOUBLE_GST_PERCENTAGE",
       t."DOUBLE_GST_AMOUNT",
       t."BOOL_IS_UNIQUE_ITEM",
       t."UNIQUECODE",
       t."BOOL_ISPACKAGE",
       t."BOOL_ISSERVICE",
       t."BOOL_IS_PREPACK",
       t."DOUBLE_COMMISSION_1",
       t."DOUBLE_COMMISSION_2",
       t."DOUBLE_COMMISSION_RATE_1",
       t."DOUBLE_COMMISSION_RATE_2",
       t."DOUBLE_COMMISION_3",
       t."DOUBLE_COMMISION_4",
       t."DOUBLE_COMMISION_RATE_3",
       t."DOUBLE_COMMISION_RATE_4",
       t."ITEM_CATEGORY",
       t."SALESITEM_REMARK",
       t."PACKAGE_CODE",
       t."BOOL_ISPRINT",
       t."PARENTID",
       t."PCID",
       t."ITEMINDEX",
       t."BOOL_ISMATRIX",
       t."MATRIXID",
       t."MATRIXBARCODE",
       t."MATRIX_SET_1_VALUE",
       t."MATRIX_SET_2_VALUE",
       t."MATRIX_SET_3_VALUE",
       t."MATRIX_SET_4_VALUE",
       t."MATRIX_SET_5_VALUE",
       t."BOOL_ISFOC",
       t."SALES_PERSON",
       t."ALT_LOOKUP",
       t."UOM",
       t."DECLARATIONSESSIONID",
       t."EODLOGID",
       t."STOREEODID",
       t."DATETIME__SALES_DATE",
       t."SALES_ORDER_NO",
       t."SALES_ORDERITEM_NO",
       t."MULTI_LEVEL_DISCOUNT",
       t."RETURN_TYPE",
       t."REF_SALESITEM_ID",
       t."DOUBLE_TOTAL_RETURNED",
       t."ALT_SERIAL_NO",
       t."WARRANTY_SERIAL_NO",
       "dbo"."replica_text_as_datetime"(t."WARRANTY_EXPIRY_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "WARRANTY_EXPIRY_DATE",
       t."DATETIME__WARRANTY_EXPIRY_DATE",
       t."DOUBLE_UOM_ENTER_QUANTITY",
       t."DOUBLE_UOM_QUANTITY",
       t."PACKAGE_ID",
       t."SALES_ITEM_TYPE",
       t."PROMO_GROUP",
       t."MGST_TAX_CODE",
       t."DOUBLE_MGST_TAX_PERCENTAGE",
       t."DOUBLE_MGST_TAX_AMOUNT",
       "dbo"."replica_text_as_datetime"(t."BUSINESS_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "BUSINESS_DATE",
       t."DATETIME__BUSINESS_DATE",
       t."VERSION_NO",
       t."VOUCHER_NO",
       t."ITEM_CUSTOM_1",
       t."ITEM_CUSTOM_2",
       t."ITEM_CUSTOM_3",
       t."ITEM_CUSTOM_4",
       t."ITEM_CUSTOM_5",
       t."PROMOGUID",
       t."PROMOIGNORE",
       t."BOOL_IS_INCLUSIVE_MGST",
       t."DOUBLE_ENTER_PRICE",
       t."BOOL_IS_SERVICECHARGEITEM",
       t."DOUBLE_SERVICECHARGE_PERCENTAGE",
       t."SALESITEM_SALES_TYPE",
       t."DISCOUNT_REMARK",
       t."BOOL_DISCOUNTINCLUDESUBITEM",
       "dbo"."replica_text_as_datetime"(t."SALESITEMSAVED_DATETIME", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "SALESITEMSAVED_DATETIME",
       "dbo"."replica_text_as_datetime"(t."SALESITEMACKNOWLEDGED_DATETIME", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "SALESITEMACKNOWLEDGED_DATETIME",
       t."BOOL_PRINTSTATUS",
       t."DATETIME__SALESITEMSAVED_DATETIME",
       t."DATETIME__SALESITEMACKNOWLEDGED_DATETIME",
       t."CONSIGNMENTDO_ID",
       t."CONSIGNMENTDOITEM_ID",
       t."BOOL_IS_DO_IGNORE",
       t."DOUBLE_SUB_TOTAL",
       t."DOUBLE_TOTAL_TAX_AMOUNT",
       t."DOUBLE_TOTAL_DISCOUNT_AMOUNT",
       t."PAIR_ID",
       t."DOUBLE_MARGIN_PERCENTAGE",
       t."DOUBLE_FOREIGN_UNIT_PRICE",
       t."DOUBLE_FOREIGN_SUBTOTAL",
       t."DOUBLE_DELIVERED",
       "dbo"."replica_text_as_datetime"(t."DELIVERED_DATETIME", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "DELIVERED_DATETIME",
       t."DATETIME__DELIVERED_DATETIME",
       t."ITEM_CUSTOM_6",
       t."ITEM_CUSTOM_7",
       t."ITEM_CUSTOM_8",
       t."ITEM_CUSTOM_9",
       t."ITEM_CUSTOM_10",
       t."ITEM_CUSTOM_11",
       t."ITEM_CUSTOM_12",
       t."ITEM_CUSTOM_13",
       t."ITEM_CUSTOM_14",
       t."ITEM_CUSTOM_15",
       t."BATCH_NO",
       t."BATCH_EXPIRY_DATE",
       t."ORDERTERMINALID",
       t."ORDER_SOURCE",
       t."INT_EXTEND_1",
       t."INT_EXTEND_2",
       t."INT_EXTEND_3",
       t."STRING_EXTEND_1",
       t."STRING_EXTEND_2",
       t."STRING_EXTEND_3",
       t."WBDELETED",
       t."UPDATE_TIMESTAMP",
       t."DOUBLE_TOTAL_BILL_LEVEL_DISCOUNT_AMOUNT",
       t."DOUBLE_TOTAL_BILL_LEVEL_TAX_AMOUNT",
       t."DELIVERY_TYPE",
       t."INT_DISCOUNT_INDICATOR",
       t."BOOL_TAX_BEFORE_DISCOUNT",
       t."ORDERITEMID",
       t."TARIFF_CODE",
       t."BOOL_IS_KDS_RECEIVED",
       t."MALL_INTEGRATION_CATEGORY_1",
       t."MALL_INTEGRATION_CATEGORY_2",
       t."MALL_INTEGRATION_CATEGORY_3",
       t."MALL_INTEGRATION_CATEGORY_4",
       t."MALL_INTEGRATION_CATEGORY_5",
       t."SALES_PERSON_USERNAME",
       t."BOOL_IS_TAX_EXEMPT",
       t."SALESITEM_SUBSALES_TYPE",
       t."DISCOUNTGROUP",
       t."DISCOUNTTYPE",
       t."DOUBLE_RESTRICTED_QUANTITY",
       t."DOUBLE_RESTRICTED_SHIPPED_QUANTITY",
       t."ITEM_ADDITIONAL_INFO_1",
       t."DOUBLE_BEARING_VALUE",
       t."BOOL_IS_SPECIAL_REGISTER_POISON",
       t."POISON_CATEGORY",
       t."GIFT_VOUCHER_NO",
       t."VOUCHER_REFERRAL_SALES_PERSON",
       t."BOOL_ISREMOVETAX",
       t."SRV_YYYY__SALES_DATE",
       t."DOUBLE_ADDITIONALTAXPERCENTAGE1",
       t."DOUBLE_ADDITIONALTAXAMOUNT1",
       t."DOUBLE_ADDITIONALTAXPERCENTAGE2",
       t."DOUBLE_ADDITIONALTAXAMOUNT2",
       t."ITEM_ADDITIONAL_INFO_2",
       t."BOOL_ISCOMBO",
       t."COMBOPCID",
       t."COMBOITEMID",
       t."DISCOUNTINDICATOR",
       t."ITEM_POINT_FACTOR",
       t."BOOL_ISCOMMISSIONADDED",
       t."E_LHDN_CLASSIFICATION_CODE",
       t."E_LHDN_TAX_TYPE",
       t."E_LHDN_COUNTRY_CODE",
       t."DOUBLE_FOREIGN_TOTAL_DISCOUNT_AMOUNT",
       t."DOUBLE_FOREIGN_TOTAL_TAX_AMOUNT",
       t."DOUBLE_VAT_EXEMPTED_TAX_AMOUNT",
       t."INT_TOTAL_PAX",
       t."INT_EXEMPTED_PAX",
       t."DOUBLE_VATABLE_AMOUNT",
       t."DOUBLE_EXEMPTED_AMOUNT",
       t."DOUBLE_ORIGINAL_DISCOUNT_PERCENTAGE",
       t."BOOL_IS_EXTERNAL_VOUCHER",
       t."BOOL_ISWARRANTY"
  FROM "dbo"."APP_4_SALESITEM" t;

CREATE OR REPLACE FUNCTION "dbo"."replica_text_as_datetime"(written text, VARIADIC formats text[]) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    names CONSTANT text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
    clock CONSTANT text :=
        '(?:[ T] *(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,3})?))? *([AaPp][Mm])?)? *$';
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
            '.', '\.'), 'YYYY', '([12]\d{3})'), 'MM', '(\d{1,2})'), 'DD', '(\d{1,2})'),
            'Mon', '([A-Za-z]{3})') || clock);
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
DROP VIEW IF EXISTS "dbo"."v_APP_4_PAYMENT";
CREATE VIEW "dbo"."v_APP_4_PAYMENT" AS
SELECT t."ID",
       "dbo"."replica_text_as_datetime"(t."DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "DATE",
       t."CUSTOMER_ID",
       t."INVOICE_ID",
       t."DOUBLE_AMOUNT",
       t."METHOD",
       t."REFERENCE",
       t."LOCATION_ID",
       t."TIME",
       t."BOOL_ISVOID",
       t."SENDERPAYMENTID",
       t."RECEIVERPAYMENTID",
       t."RECEIVED_BY",
       t."REFERENCE_3",
       t."REFERENCE_4",
       t."REMARK",
       t."DOUBLE_TENDERED",
       t."DECLARATIONSESSIONID",
       t."ACCOUNTING_REF_1",
       t."ACCOUNTING_REF_2",
       t."ACCOUNTING_REF_3",
       t."EODLOGID",
       t."STOREEODID",
       t."DATETIME__DATE",
       t."TIME__TIME",
       t."SALESORDERID",
       t."BOOL_ISDEPOSIT",
       t."PAYMENT_TYPE",
       t."INTERNAL_REF_ID",
       t."DOUBLE_AVAILABLE_BALANCE",
       t."SERVICEID",
       t."CREDIT_CARD_TYPE_2",
       t."CREDIT_CARD_TYPE_3",
       "dbo"."replica_text_as_datetime"(t."BUSINESS_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "BUSINESS_DATE",
       t."DATETIME__BUSINESS_DATE",
       t."SALES_ORDER_NO",
       t."USED_DATE",
       t."PREPAID_CARDNO",
       t."PREPAID_TRXNREFNO",
       t."DOUBLE_EXCHANGE_RATE",
       t."CURRENCY_SYMBOL",
       t."DOUBLE_FOREIGN_AMOUNT",
       t."ROWLOCKING",
       t."DOUBLE_FOREIGN_GAIN",
       t."CUSTOMER_LOOK_UP",
       t."BOOL_NON_REFUNDABLE",
       t."RECEIVED_BY_CASHIER_NAME",
       t."ECR_INFO",
       t."TERMINAL_ID",
       t."INT_EXTEND_1",
       t."INT_EXTEND_2",
       t."INT_EXTEND_3",
       t."STRING_EXTEND_1",
       t."STRING_EXTEND_2",
       t."STRING_EXTEND_3",
       t."WBDELETED",
       t."UPDATE_TIMESTAMP",
       t."DEVICE_NAME",
       t."DOUBLE_TAX_AMOUNT",
       t."DOUBLE_LOCAL_EX_AMOUNT",
       t."DOUBLE_FOREIGN_EX_AMOUNT",
       t."BATCH_NO",
       t."ORDERTERMINALID",
       t."BOOL_ISCCINTEGRATION",
       t."VOUCHER_REFERRAL_SALES_PERSON",
       t."EXTERNAL_REF_ID",
       t."SRV_YYYY__DATE",
       t."MERCHANT_ID",
       t."POS_REF_ID",
       t."BOOL_IS_EXTERNAL_VOUCHER"
  FROM "dbo"."APP_4_PAYMENT" t;

CREATE OR REPLACE FUNCTION "dbo"."replica_text_as_datetime"(written text, VARIADIC formats text[]) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    names CONSTANT text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
    clock CONSTANT text :=
        '(?:[ T] *(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,3})?))? *([AaPp][Mm])?)? *$';
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
            '.', '\.'), 'YYYY', '([12]\d{3})'), 'MM', '(\d{1,2})'), 'DD', '(\d{1,2})'),
            'Mon', '([A-Za-z]{3})') || clock);
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
DROP VIEW IF EXISTS "dbo"."v_APP_4_ITEM";
CREATE VIEW "dbo"."v_APP_4_ITEM" AS
SELECT t."ID",
       t."ITEM_CODE",
       t."ITEM_NAME",
       t."ITEM_TYPE",
       t."ITEM_MODEL",
       t."ITEM_DESCRIPTION",
       t."CATEGORY",
       t."DEPARTMENT_CODE",
       t."DEPARTMENT_NAME",
       t."VENDOR_CODE",
       t."INT_TOTAL_AVAIL_QTY",
       t."INT_TOTAL_ONHAND_QTY",
       t."DOUBLE_COST",
       t."DOUBLE_MANUFACTURER_SUGGESTED_RETAIL_PRICE",
       t."ACTIVE_PRICE",
       t."DOUBLE_SALE_PRICE",
       t."DOUBLE_EMPLOYEE_PRICE",
       t."DOUBLE_WHOLESALE_PRICE",
       t."DOUBLE_CUSTOM_PRICE",
       t."DOUBLE_MARGIN",
       t."DOUBLE_TOTAL_PROFIT",
       t."UNIT_OF_MEASURE",
       "dbo"."replica_text_as_datetime"(t."LAST_RECEIVE_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "LAST_RECEIVE_DATE",
       t."INT_TOTAL_QUANTITY_RECEIVED",
       t."INT_TOTAL_RETURNED_TO_VENDOR",
       t."INT_TOTAL_QUANTITY_SOLD",
       t."INT_TOTAL_QUANTITY_RETURN",
       t."DOUBLE_NET_SALES",
       t."DOUBLE_PROFIT_MARGIN",
       t."ATLTERNATE_LOOK_UP",
       t."ATTRIBUTE",
       t."SIZE",
       t."BINARYKEY",
       t."BOOL_GO_GLOBAL",
       t."DOUBLE_WEB_PRICE",
       t."DOUBLE_WEB_DEALER_PRICE",
       t."INT_REORDER_POINT",
       t."ITEM_BRAND",
       t."DOUBLE_CUSTOM_COST",
       t."BOOL_FIFO",
       t."GROUP_NAME",
       t."BOOL_ISPACKAGE",
       t."DISCOUNT_RATE",
       t."GROUP_VALUE",
       t."PROMOTION_NAME",
       t."CUSTOM_FIELD_VALUE_1",
       t."CUSTOM_FIELD_VALUE_2",
       t."CUSTOM_FIELD_VALUE_3",
       t."CUSTOM_FIELD_VALUE_4",
       t."CUSTOM_FIELD_VALUE_5",
       t."CUSTOM_FIELD_VALUE_6",
       t."CUSTOM_FIELD_VALUE_7",
       t."CUSTOM_FIELD_VALUE_8",
       t."CUSTOM_FIELD_VALUE_9",
       t."CUSTOM_FIELD_VALUE_10",
       t."CUSTOM_FIELD_VALUE_11",
       t."CUSTOM_FIELD_VALUE_12",
       t."CUSTOM_FIELD_VALUE_13",
       t."CUSTOM_FIELD_VALUE_14",
       t."CUSTOM_FIELD_VALUE_15",
       t."CUSTOM_FIELD_VALUE_16",
       t."CUSTOM_FIELD_VALUE_17",
       t."CUSTOM_FIELD_VALUE_18",
       t."DOUBLE_CASH_VALUE_RATE",
       t."DOUBLE_POINTS_VALUE_RATE",
       t."DOUBLE_ACCUMULATE_VALUE_RATE",
       t."BOOL_ISSERVICE",
       t."BOOL_WEIGHTED",
       "dbo"."replica_text_as_datetime"(t."CREATION_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "CREATION_DATE",
       t."BOOL_IS_CONSIGNMENT",
       t."BOOL_IS_UNIQUE_ITEM",
       t."XILNEX_VENDOR_ID",
       t."BOOL_IS_PREPACK",
       t."DOUBLE_GST_RATE",
       t."DOUBLE_COMMISION_1",
       t."DOUBLE_COMMISION_2",
       t."DOUBLE_COMMISION_RATE_1",
       t."DOUBLE_COMMISION_RATE_2",
       t."BOOL_ALLOW_SALES_WITHOUT_STOCKS",
       t."PARENT_ITEM_ID",
       t."BOOL_IS_CHILD",
       t."BOOL_LOCAL_PRICE",
       t."BOOL_FOC",
       t."BOOL_OPEN_PRICE",
       t."BOOL_DISABLED",
       t."DOUBLE_AVG_COST",
       t."DOUBLE_FIFO_COST",
       t."DOUBLE_LIFO_COST",
       t."DOUBLE_AVG_PROFIT",
       t."DOUBLE_FIFO_PROFIT",
       t."DOUBLE_LIFO_PROFIT",
       t."DOUBLE_LAST_STOCK_IN_COST",
       t."DOUBLE_COMMISION_3",
       t."DOUBLE_COMMISION_4",
       t."DOUBLE_COMMISION_RATE_3",
       t."DOUBLE_COMMISION_RATE_4",
       t."DATETIME__LAST_RECEIVE_DATE",
       t."DATETIME__CREATION_DATE",
       t."BOOL_BRANCH_ASSORTMENT",
       t."BOOL_POSTPACK",
       t."ARTICLE_NO",
       t."ITEM_COLOR",
       t."BOOL_RETURNABLEITEM",
       "dbo"."replica_text_as_datetime"(t."PURCH_UNAVAILABLE_DATE_FROM", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "PURCH_UNAVAILABLE_DATE_FROM",
       "dbo"."replica_text_as_datetime"(t."PURCH_UNAVAILABLE_DATE_TO", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "PURCH_UNAVAILABLE_DATE_TO",
       t."EXPIRY_CALCULATION",
       t."DAY_BEFORE_EXPIRY",
       t."SHELF_LIFE_IN_DAYS",
       t."INT_MIN_ORDERING",
       t."INT_SAFETY_POINT",
       t."PURCH_UNAVAILABLE_REMARK",
       t."ITEM_DIVISION",
       t."DOUBLE_DRIVER_COMMISSION_RATE",
       t."DOUBLE_DRIVER_COMMISSION_PERCENT",
       t."DOUBLE_INSTALLER_COMMISSION_RATE",
       t."DOUBLE_INSTALLER_COMMISSION_PERCENT",
       t."DATETIME__PURCH_UNAVAILABLE_DATE_FROM",
       t."DATETIME__PURCH_UNAVAILABLE_DATE_TO",
       t."INT_DEFAULT_WARRANTY_MONTH",
       t."INT_MAX_WARRANTY_MONTH",
       t."WARRANTY_GROUP",
       t."BOOL_ISWARRANTY",
       t."DEFAULT_WARRANTY_ITEM",
       t."WARRANTY_SERIAL_NO_PREFIX",
       t."ADDITIONAL_ITEM_TYPE",
       t."MGST_TAX_CODE",
       t."INT_DEFAULT_BARCODE_QTY",
       t."MGST_TAX_CODE_PURCHASE",
       t."DOUBLE_WEIGHT",
       t."DOUBLE_ROUNDING_INDICATOR",
       t."DOUBLE_HEIGHT",
       t."DOUBLE_WIDTH",
       t."DOUBLE_LENGTH",
       t."BOOL_SERVICEITEM_SHIPPABLE",
       t."DOUBLE_MIN_PROFIT_MARGIN",
       t."INT_MARKDOWNCOUNT",
       t."ROWLOCKING",
       t."BOOL_EXCLUDE_SERVICECHARGE",
       t."BOOL_ISBATCHCONTROL",
       t."BOOL_OPEN_NAME",
       t."INT_EXTEND_1",
       t."INT_EXTEND_2",
       t."INT_EXTEND_3",
       t."STRING_EXTEND_1",
       t."STRING_EXTEND_2",
       t."STRING_EXTEND_3",
       t."WBDELETED",
       t."UPDATE_TIMESTAMP",
       t."BOOL_IS_RFID_ENABLE",
       t."BOOL_IS_FC_APPLY",
       t."BOOL_IS_FC_INCLUDED_TAX",
       t."EXPIRY_DURATION",
       t."MINIMUM_QUANTITY",
       t."ENABLE_FOOD_PREPARATION",
       t."ALERT_INTERVAL_BEFORE_EXPIRY",
       t."BATCH_EXPIRY_DURATION",
       t."FOOD_STOCK_PACKAGE_ITEM_ID",
       t."TARIFF_CODE",
       t."CUSTOM_UOM_FACTOR",
       t."PRICE_EXPIRY_DATE",
       t."MALL_INTEGRATION_CATEGORY_1",
       t."MALL_INTEGRATION_CATEGORY_2",
       t."MALL_INTEGRATION_CATEGORY_3",
       t."MALL_INTEGRATION_CATEGORY_4",
       t."MALL_INTEGRATION_CATEGORY_5",
       t."TARIFF_CODE_EXTEND",
       t."DOUBLE_YIELD_PERCENTAGE",
       t."DOUBLE_PRODUCED_OUTPUT_QUANTITY",
       t."BOOL_IS_PRINT",
       t."BOOL_IS_BREAKDOWN_VIEW_ZERO_QUANTITY",
       t."BOOL_IS_REQUIRE_PERMISSION",
       t."BOOL_IS_IGNORE_DISCOUNT",
       t."PAIR_ID",
       t."ADDITIONAL_INFO_1",
       t."BOOL_IS_SPECIAL_REGISTER_POISON",
       t."POISON_CATEGORY",
       t."BOOL_HAS_POSTPACK",
       t."ARTICLE_DESCRIPTION",
       t."DOUBLE_FOREIGN_COST",
       t."ADDITIONAL_INFO_2",
       t."DOUBLE_ALCOHOL_PERCENTAGE",
       t."DOUBLE_CIGRETTE_PERCENTAGE",
       t."DOUBLE_ITEM_QTY_DECIMAL_POINT",
       t."DOUBLE_PACKAGE_WEIGHT",
       t."DOUBLE_BATCH_WEIGHT",
       t."E_LHDN_CLASSIFICATION_CODE",
       t."E_LHDN_TAX_TYPE",
       t."E_LHDN_COUNTRY_CODE",
       t."E_LHDN_PURCHASE_TAX_TYPE",
       t."E_LHDN_PURCHASE_CLASSIFICATION_CODE"
  FROM "dbo"."APP_4_ITEM" t;

CREATE OR REPLACE FUNCTION "dbo"."replica_text_as_datetime"(written text, VARIADIC formats text[]) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    names CONSTANT text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
    clock CONSTANT text :=
        '(?:[ T] *(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,3})?))? *([AaPp][Mm])?)? *$';
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
            '.', '\.'), 'YYYY', '([12]\d{3})'), 'MM', '(\d{1,2})'), 'DD', '(\d{1,2})'),
            'Mon', '([A-Za-z]{3})') || clock);
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
DROP VIEW IF EXISTS "dbo"."v_APP_4_CUSTOMER";
CREATE VIEW "dbo"."v_APP_4_CUSTOMER" AS
SELECT t."ID",
       t."COMPANY_ID",
       t."COMPANY_NAME",
       t."COMPANY_REGISTRATION_NUMBER",
       t."COMPANY_TYPE",
       t."SALUTATION",
       t."FIRST_NAME",
       t."LAST_NAME",
       t."EMAIL",
       t."WEBSITE",
       t."PHONE",
       t."OFFICE",
       t."MOBILE",
       t."FAX",
       t."ALT_NAME",
       t."ALT_CONTACT",
       t."ALT_PHONE",
       t."BILL_STREET",
       t."BILL_CITY",
       t."BILL_STATE",
       t."BILL_ZIPCODE",
       t."DELIVER_STREET",
       t."DELIVER_CITY",
       t."DELIVER_STATE",
       t."DELIVER_ZIPCODE",
       t."BILL_COUNTRY",
       t."DELIVER_COUNTRY",
       t."ADDITIONAL_INFO",
       t."REMARKS",
       t."BINARYKEY",
       t."BOOL_WEB_REGISTERED",
       t."BOOL_APPROVED",
       t."BILL_REMARK",
       t."SHIP_REMARK",
       t."PRICE_SCHEME",
       t."CUSTOM_FIELD_VALUE_1",
       t."CUSTOM_FIELD_VALUE_2",
       t."CUSTOM_FIELD_VALUE_3",
       t."CUSTOM_FIELD_VALUE_4",
       t."CUSTOM_FIELD_VALUE_5",
       t."CUSTOM_FIELD_VALUE_6",
       t."CUSTOM_FIELD_VALUE_7",
       t."CUSTOM_FIELD_VALUE_8",
       t."CUSTOM_FIELD_VALUE_9",
       t."CUSTOM_FIELD_VALUE_10",
       t."CUSTOM_FIELD_VALUE_11",
       t."CUSTOM_FIELD_VALUE_12",
       t."CUSTOM_FIELD_VALUE_13",
       t."CUSTOM_FIELD_VALUE_14",
       t."CUSTOM_FIELD_VALUE_15",
       t."CUSTOM_FIELD_VALUE_16",
       t."CUSTOM_FIELD_VALUE_17",
       "dbo"."replica_text_as_datetime"(t."CUSTOM_FIELD_VALUE_18", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "CUSTOM_FIELD_VALUE_18",
       t."DOUBLE_POINT_VALUE",
       t."DOUBLE_CASH_VALUE",
       t."DOUBLE_ACCUMULATE_VALUE",
       t."REFERENCE_CLIENT_ID",
       t."FRIENDSTER_CONTACT",
       t."FACEBOOK_CONTACT",
       t."SKYPE_CONTACT",
       t."MSN_CONTACT",
       "dbo"."replica_text_as_datetime"(t."CREATION_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "CREATION_DATE",
       t."GENDER",
       t."RACE",
       t."AGE",
       "dbo"."replica_text_as_datetime"(t."DOB", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "DOB",
       t."ATLTERNATE_LOOK_UP",
       t."BOOL_ENABLE_DOB",
       t."DOUBLE_INDIVIDUAL_DISCOUNT",
       t."LOCATION_ID",
       t."LOCATION_NAME",
       t."IC",
       t."WORKPLACE",
       t."DEFAULT_SALES_TYPE",
       t."DATETIME__CUSTOM_FIELD_VALUE_18",
       t."DATETIME__CREATION_DATE",
       t."DATETIME__DOB",
       t."REF_CUSTOMER_CODE",
       t."CURRENCY",
       t."PAY_TERM",
       t."DOUBLE_MAX_CREDIT",
       t."CREATED_LOCATION_ID",
       t."CUSTOMER_CODE",
       t."CUSTOMER_GROUP",
       t."CUSTOMER_ACCOUNT_NO",
       t."BOOL_ACTIVE",
       t."BOOL_ALLOW_ALL_BRANCHES",
       t."EXPIRY_EXTEND_DATE",
       t."INT_TERMS",
       t."INCOME",
       t."GST_NO",
       t."MGST_TAX_CODE",
       t."BOOL_IS_INCLUSIVE_MGST",
       t."CREATED_BY",
       t."NEXT_BILLING_DATE",
       t."DOUBLE_PURCHASE_LIMIT",
       t."INT_PURCHASE_RENEW_FREQUENCY",
       t."NATIONALITY",
       t."BOOL_VERIFIED",
       t."PROFILE_PICTURE_URL",
       t."INT_PLATFORM",
       t."API_USERNAME",
       t."DEFAULT_CURRENCY_CODE",
       t."INT_PLATFORM_TYPE",
       t."PREVIOUS_EXP_DATE",
       t."MEMBER_EXT_INVOICEID",
       t."CREATION_TIME",
       t."INT_CREATION_PLATFORM",
       t."DOUBLE_CONTROLLED_DISCOUNT_LIMIT",
       t."INT_CONTROLLEDDISCOUNT_FREQUENCY",
       t."BUDDYREFERENCEID",
       t."BUDDYPOINTS",
       t."DOUBLE_PRICE_MARKUP_PERCENTAGE",
       t."INT_EXTEND_1",
       t."INT_EXTEND_2",
       t."INT_EXTEND_3",
       t."STRING_EXTEND_1",
       t."STRING_EXTEND_2",
       t."STRING_EXTEND_3",
       t."WBDELETED",
       t."UPDATE_TIMESTAMP",
       t."XCARD_COMPANY_NAME",
       t."XCARD_COMPANY_CODE",
       t."XCARD_CLIENT_CATEGORY",
       t."XCARD_DOUBLE_PURCHASE_LIMIT",
       t."XCARD_INT_PURCHASE_RENEW_FREQUENCY",
       t."DOUBLE_LIFETIME_ACCUMULATE_VALUE",
       t."ADDITIONAL_INFO_1",
       t."ADDITIONAL_INFO_2",
       t."DATETIME_LIFETIME_POINT_RENEW",
       t."DATETIME_ACCUMULATE_VALUE_RENEW",
       t."BOOL_IS_ACTIVATED_BUDDY_REFERENCE_REWARD",
       t."BOOL_IS_ACTIVATED_BUDDY_REWARD",
       t."INT_TERMSOVERDUECHECKINGMETHOD",
       t."DOUBLE_LAST_LIFETIME_ACCUMULATE_VALUE",
       t."DATETIME_LAST_LIFETIME_POINT_RENEW",
       t."BOOL_AUTO_EMAIL_RECEIPT",
       t."BOOL_DISABLE_LOYALTY_ENTITLEMENT",
       t."ALLOWTORECEIVEMARKETING",
       t."FLOATING_DOUBLE_ACCUMULATE_VALUE",
       t."BOOL_Allow_Make_Payment",
       t."IS_EMPLOYEE",
       t."DATETIMEUTC_POINT_EXPIRY_NOTIFIED",
       t."STOREREFERENCEID",
       t."MARITAL_STATUS",
       t."E_LHDN_TIN",
       t."IDENTIFICATION_TYPE",
       t."BOOL_E_LHDN_IS_FOREIGN",
       t."E_LHDN_BUYER_TYPE",
       t."CALLCODE_OFFICE",
       t."CALLCODE_ALTCONTACT",
       t."CALLCODE_MOBILE",
       t."CALLCODE_ALTPHONE",
       t."CALLCODE_FAX",
       t."CALLCODE_HOME",
       t."SALESPERSON_USERNAME",
       t."DATETIMEUTC_DEACTIVATED",
       t."DATETIMEUTC_DELETED"
  FROM "dbo"."APP_4_CUSTOMER" t;

CREATE OR REPLACE FUNCTION "dbo"."replica_text_as_datetime"(written text, VARIADIC formats text[]) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    names CONSTANT text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
    clock CONSTANT text :=
        '(?:[ T] *(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,3})?))? *([AaPp][Mm])?)? *$';
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
            '.', '\.'), 'YYYY', '([12]\d{3})'), 'MM', '(\d{1,2})'), 'DD', '(\d{1,2})'),
            'Mon', '([A-Za-z]{3})') || clock);
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
DROP VIEW IF EXISTS "dbo"."v_APP_4_VOUCHER_MASTER";
CREATE VIEW "dbo"."v_APP_4_VOUCHER_MASTER" AS
SELECT t."ID",
       t."REWARD_RULE_ID",
       t."RULE_DESCRIPTION",
       t."REWARD_CODE",
       t."CAMPAIGN_TARGET",
       t."T_AND_C",
       t."IS_ACTIVATE",
       t."CHILD_LIFETIME_DAY",
       "dbo"."replica_text_as_datetime"(t."CHILD_LAST_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "CHILD_LAST_DATE",
       "dbo"."replica_text_as_datetime"(t."CREATE_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "CREATE_DATE",
       "dbo"."replica_text_as_datetime"(t."EXPIRY_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "EXPIRY_DATE",
       "dbo"."replica_text_as_datetime"(t."ACTIVATE_DATE", 'YYYY-MM-DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD Mon YYYY')::timestamp(3) AS "ACTIVATE_DATE",
       t."DATETIME__CHILD_LAST_DATE",
       t."DATETIME__CREATE_DATE",
       t."DATETIME__EXPIRY_DATE",
       t."DATETIME__ACTIVATE_DATE",
       t."MAX_REDEMPTION_PER_CLIENT",
       t."MAX_REDEMPTION_PER_CAMPAIGN",
       t."CURRENT_REDEMPTION_COUNT",
       t."THUMBNAIL_URL",
       t."THUMBNAIL_HQ_URL",
       t."PHOTO_URL",
       t."PHOTO_HQ_URL",
       t."CHILD_LAST_TIME",
       t."CREATE_TIME",
       t."EXPIRY_TIME",
       t."ACTIVATE_TIME",
       t."TIME__CHILD_LAST_TIME",
       t."TIME__CREATE_TIME",
       t."TIME__EXPIRY_TIME",
       t."TIME__ACTIVATE_TIME",
       t."PROMORULE_ID",
       t."RULE_TITLE",
       t."VOUCHER_MASTER_TYPE",
       t."VOUCHER_PREFIX",
       t."REDEMPTIONTYPE_ID",
       t."REDEEM_CODE",
       t."INT_EXTEND_1",
       t."INT_EXTEND_2",
       t."INT_EXTEND_3",
       t."STRING_EXTEND_1",
       t."STRING_EXTEND_2",
       t."STRING_EXTEND_3",
       t."WBDELETED",
       t."UPDATE_TIMESTAMP",
       t."DATETIME_CHILD_ACTIVE_DATE",
       t."RENEW_FREQUENTLY_PER_CLIENT",
       t."DISPLAY_PRIORITY",
       t."QUANTITY",
       t."ADVANCED_CHILD_EXPIRY_DATE",
       t."BOOL_IS_THIRD_PARTY",
       t."PROVIDER_NAME",
       t."THIRD_PARTY_CAMPAIGN_ID",
       t."ADVANCED_CHILD_ACTIVE_DATE",
       t."VALIDATION_CODE",
       t."BOOL_GENERATE_IMPORTED_VOUCHER_NO",
       t."HOW_TO_USE",
       t."XVN_COMPANY_NAME",
       t."ORIGINAL_PROMO_ITEM_VALUE",
       t."XVN_COMPANY_LOGO_IMAGE_URL",
       t."REDEMPTION_OUTLETS",
       t."BOOL_IS_AUTO_REDEEM",
       t."MAX_REDEEM_PER_CLIENT",
       t."RENEW_REDEEM_FREQUENTLY_PER_CLIENT"
  FROM "dbo"."APP_4_VOUCHER_MASTER" t;
