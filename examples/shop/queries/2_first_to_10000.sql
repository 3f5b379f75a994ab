-- The first customers to spend 10,000 EUR
-- A running total for every customer, by a window over all orders, and the order that took it past the mark.
WITH spending AS (
    SELECT
        customer_id,
        placed_at,
        total,
        sum(total) OVER each_customer AS running_total,
        row_number() OVER each_customer AS orders
    FROM orders
    WHERE status <> 'cancelled'
    WINDOW each_customer AS (PARTITION BY customer_id ORDER BY placed_at, id ROWS UNBOUNDED PRECEDING)
)
SELECT c.name AS customer, c.city, s.placed_at AS reached_at, s.orders, s.running_total
FROM spending s
JOIN customer c ON c.id = s.customer_id
WHERE s.running_total >= 10000 AND s.running_total - s.total < 10000
ORDER BY reached_at, c.id
LIMIT 20
