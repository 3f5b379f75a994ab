-- The three best products of 2025 in each region
-- Four tables joined, the lines of every order added up, and a rank within each region.
WITH sales AS (
    SELECT r.name AS region, p.id, p.name AS product, sum(l.quantity) AS pieces,
        sum(l.quantity * l.unit_price) AS revenue
    FROM order_line l
    JOIN orders o ON o.id = l.order_id
    JOIN product p ON p.id = l.product_id
    JOIN region r ON r.id = o.region_id
    WHERE o.placed_at >= '2025-01-01' AND o.status <> 'cancelled'
    GROUP BY r.name, p.id, p.name
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY region ORDER BY revenue DESC, id) AS place FROM sales
)
SELECT region, place, product, pieces, revenue
FROM ranked
WHERE place <= 3
ORDER BY region, place
