-- What each branch of the category tree sells
-- A recursive walk from the roots down builds the paths; every category counts for all those above it.
WITH RECURSIVE tree AS (
    -- || '' makes the name a text, as the longer paths below it are; PostgreSQL refuses varchar(120) here.
    SELECT id, name || '' AS path FROM category WHERE parent_id IS NULL
    UNION ALL
    SELECT c.id, t.path || ' / ' || c.name FROM category c JOIN tree t ON c.parent_id = t.id
),
branch AS (
    SELECT id AS top, id AS category_id FROM category
    UNION ALL
    SELECT b.top, c.id FROM category c JOIN branch b ON c.parent_id = b.category_id
),
sold AS (
    SELECT p.category_id, sum(l.quantity) AS pieces, sum(l.quantity * l.unit_price) AS revenue
    FROM order_line l
    JOIN product p ON p.id = l.product_id
    GROUP BY p.category_id
)
SELECT
    t.path,
    sum(s.pieces) AS pieces,
    sum(s.revenue) AS revenue,
    (100 * sum(s.revenue) / (SELECT sum(revenue) FROM sold))::numeric(5, 2) AS percent
FROM tree t
JOIN branch b ON b.top = t.id
JOIN sold s ON s.category_id = b.category_id
GROUP BY t.path
ORDER BY t.path
