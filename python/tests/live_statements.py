"""Statements on a live shop, and what of each PostgreSQL is asked to do."""

# The statement, and a part of what is sent for it.
SENT = [
    # Conditions on numbers.
    ("SELECT id, total FROM orders WHERE id = 17", """WHERE "id" = '17'::int8"""),
    ("SELECT id FROM orders WHERE 17 >= id", """WHERE "id" <= '17'::int8"""),
    ("SELECT id FROM orders WHERE id IN (1, 2, 3, 5, 99999999)", """WHERE "id" IN ('1'::int8, '2'::int8"""),
    ("SELECT id FROM orders WHERE id NOT IN (1, 2, 3, 5) AND id < 9", "\"id\" NOT IN ('1'::int8"),
    ("SELECT id FROM orders WHERE id BETWEEN 10 AND 20", "\"id\" >= '10'::int8"),
    ("SELECT id FROM orders WHERE NOT (id < 100)", "\"id\" >= '100'::int8"),
    ("SELECT id FROM orders WHERE id = 3 OR (id > 7 AND id <= 9)", " OR "),
    ("SELECT id, total FROM orders WHERE total > 100.5", '"total" > \'100.5'),
    ("SELECT id FROM orders WHERE total >= 100 AND total < 200", '"total" >= \'100'),
    ("SELECT id FROM product WHERE price = 19.990", '"price" = \'19.99'),
    ("SELECT id FROM customer WHERE loyalty_tier > 1", "\"loyalty_tier\" > '1'::int2"),
    ("SELECT id FROM customer WHERE loyalty_tier IS NULL OR loyalty_tier = 3", '"loyalty_tier" IS NULL'),
    ("SELECT id FROM customer WHERE loyalty_tier IS DISTINCT FROM 2", "IS DISTINCT FROM '2'::int2"),
    ("SELECT id FROM product WHERE weight_kg > 1.5::float8", "::float8"),
    ("SELECT id FROM product WHERE weight_kg IS NULL", '"weight_kg" IS NULL'),
    ("SELECT id FROM order_line WHERE quantity = position", '"quantity" = "position"'),
    ("SELECT id FROM orders WHERE customer_id > region_id AND region_id = 2", '"region_id" < "customer_id"'),
    # On truth values.
    ("SELECT id FROM customer WHERE is_business", 'WHERE "is_business"'),
    ("SELECT id FROM customer WHERE NOT is_business AND id < 50", 'NOT ("is_business")'),
    ("SELECT id FROM customer WHERE is_business IS NOT TRUE", "IS DISTINCT FROM TRUE"),
    ("""SELECT id FROM "Gift Wrap" WHERE "it's" IS TRUE""", '"it\'s"'),
    ("""SELECT id FROM "Gift Wrap" WHERE "it's" IS NULL""", '"it\'s" IS NULL'),
    # On texts.
    ("SELECT id FROM orders WHERE channel = 'web'", "\"channel\" = 'web'::text"),
    ("SELECT id FROM orders WHERE channel <> 'web'", "\"channel\" <> 'web'::text"),
    ("SELECT id FROM orders WHERE status = 'paid'", '"status"::text COLLATE "C" = \'paid\'::text'),
    ("SELECT id FROM orders WHERE status IN ('paid', 'shipped', 'returned', 'cancelled')", '"status"::text'),
    ("SELECT id FROM region WHERE currency = 'EUR'", "\"currency\" = 'EUR'::bpchar"),
    ("SELECT id FROM orders WHERE coupon LIKE 'A%'", "\"coupon\" LIKE 'A%'::text"),
    ("SELECT id FROM orders WHERE coupon LIKE '_A%' OR coupon LIKE '%1_'", "LIKE '_A%'::text"),
    ("SELECT id FROM orders WHERE channel NOT LIKE '%e%'", "NOT LIKE '%e%'::text"),
    ("SELECT id FROM customer WHERE city = 'Zürich' OR city = E'it\\'s \\\\'", "'Zürich'::text"),
    ("SELECT id FROM orders WHERE note IS NOT NULL", '"note" IS NOT NULL'),
    ("""SELECT id FROM "Gift Wrap" WHERE "Größe" = ''""", "\"Größe\" = ''::text"),
    (
        "SELECT id FROM customer WHERE public_id = '00000000-0000-0000-0000-000000000000'",
        "\"public_id\" = '00000000-0000-0000-0000-000000000000'::uuid",
    ),
    # On other types.
    ("SELECT id FROM orders WHERE placed_at >= '2024-06-01'", "'2024-06-01 00:00:00.000000+00'::timestamptz"),
    ("SELECT id FROM orders WHERE placed_at < now() - interval '400 days'", '"placed_at" < \''),
    ("SELECT id FROM orders WHERE delivered_on = DATE '2024-03-01'", "\"delivered_on\" = '2024-03-01'::date"),
    ("SELECT id FROM orders WHERE delivered_on > '2024-03-01' AND coupon IS NULL", '"coupon" IS NULL'),
    ("SELECT id FROM orders WHERE shipped_at < placed_at", '"shipped_at" < "placed_at"'),
    ("SELECT id FROM orders WHERE extract(year FROM placed_at) = 2024", '"placed_at" >= \'2024-01-01'),
    # The first rows.
    ("SELECT id, total FROM orders ORDER BY total DESC, id LIMIT 10", 'ORDER BY "total" DESC NULLS FIRST'),
    ("SELECT id FROM orders ORDER BY delivered_on NULLS FIRST, id DESC LIMIT 10", "ASC NULLS FIRST"),
    ("SELECT id FROM orders WHERE channel = 'web' ORDER BY id LIMIT 5 OFFSET 7", "LIMIT 12"),
    ("SELECT x.i FROM (SELECT id AS i, total * 2 AS t FROM orders) AS x ORDER BY i DESC LIMIT 3", "LIMIT 3"),
    # Groups.
    ("SELECT count(*) FROM orders", "SELECT count(*) FROM"),
    ("SELECT count(*), count(coupon), count(DISTINCT channel) FROM orders", "count(DISTINCT"),
    ("SELECT count(*) FROM orders WHERE id < 0", "GROUP BY ()"),
    ("SELECT min(id), max(placed_at), min(delivered_on), max(total) FROM orders", 'min("id")'),
    ("SELECT sum(total), sum(region_id) FROM orders", 'sum("total")::numeric(22,2)'),
    (
        "SELECT sum(quantity), sum(position), avg(quantity), avg(unit_price) FROM order_line",
        'sum("quantity")',
    ),
    ("SELECT channel, status, count(*), sum(total) FROM orders GROUP BY channel, status", "GROUP BY"),
    ("SELECT currency, max(utc_offset_hours) FROM region GROUP BY currency", 'GROUP BY "currency"'),
    ("SELECT is_business, loyalty_tier, count(*) AS n FROM customer GROUP BY 1, 2", 'GROUP BY "is_business"'),
    (
        "SELECT delivered_on, avg(total) FROM orders WHERE id < 500 GROUP BY delivered_on",
        'GROUP BY "delivered',
    ),
    ("SELECT public_id, count(*) FROM customer GROUP BY public_id", 'GROUP BY "public_id"'),
    (
        "SELECT count(*) FILTER (WHERE channel = 'web'), sum(total) FILTER (WHERE id < 9) FROM orders",
        "FILTER (",
    ),
    ("SELECT DISTINCT channel FROM orders", 'SELECT "channel" FROM "public"."orders" GROUP BY'),
    ("SELECT status FROM orders GROUP BY status HAVING count(*) > 100", 'count(*) FROM "public"."orders"'),
    ("SELECT channel, sum(total) AS s FROM orders AS o GROUP BY channel ORDER BY s DESC LIMIT 2", "GROUP BY"),
    (
        "SELECT a.n - b.n FROM (SELECT count(*) AS n FROM orders) a, (SELECT count(*) AS n FROM orders) b",
        "count(*)",
    ),
    # In larger statements.
    (
        "SELECT o.id, c.name FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.id < 20",
        "\"id\" < '20'",
    ),
    ("SELECT count(*) FROM orders a JOIN orders b ON a.id = b.id + 1 WHERE a.channel = 'web'", "'web'::text"),
    (
        "SELECT id FROM customer c WHERE EXISTS (SELECT FROM orders o WHERE customer_id = c.id AND o.id < 9)",
        "\"id\" < '9'",
    ),
    ("SELECT id FROM product WHERE id IN (SELECT product_id FROM order_line WHERE id < 30)", "\"id\" < '30'"),
    ("SELECT id, (SELECT max(total) FROM orders) FROM region", 'max("total")'),
    ("WITH big AS (SELECT * FROM orders WHERE total > 500) SELECT count(*) FROM big", '"total" > \'500'),
    ("SELECT id, row_number() OVER (ORDER BY id) FROM orders WHERE id < 10", "\"id\" < '10'"),
    ("SELECT id FROM region UNION ALL SELECT id FROM category WHERE depth = 0", "\"depth\" = '0'::int2"),
    (
        """WITH RECURSIVE tree AS (
           SELECT id, name FROM category WHERE parent_id IS NULL
           UNION ALL SELECT c.id, c.name FROM category c JOIN tree t ON c.parent_id = t.id)
       SELECT count(*), min(name), max(name) FROM tree""",
        '"parent_id" IS NULL',
    ),
]
# What the engine does itself, since PostgreSQL's answer could be another: the word is not sent.
KEPT = [
    ("SELECT id FROM customer WHERE name > 'M'", "'M'"),
    ("SELECT id FROM customer WHERE name ILIKE 'a%'", "LIKE"),
    ("SELECT id FROM customer WHERE upper(city) = 'BERLIN'", "BERLIN"),
    ("SELECT id FROM orders WHERE total * 2 > 100", "WHERE"),
    ("SELECT id FROM orders WHERE extract(month FROM placed_at) = 7", "WHERE"),
    ("SELECT id FROM orders WHERE coupon LIKE 'A\\_%'", "LIKE"),
    ("SELECT max(weight_kg), max(rating) FROM product", "max"),
    ("SELECT weight_kg, count(*) FROM product GROUP BY weight_kg", "GROUP BY"),
    ("SELECT count(*) FROM customer WHERE name > 'M' AND id < 50", "count"),
    ("SELECT id, name FROM customer ORDER BY name, id LIMIT 10", "ORDER BY"),
]
