-- Revenue by month and region
-- A join, two groupings and exact decimals, over every order that was not cancelled.
SELECT
    date_trunc('month', o.placed_at)::date AS month,
    r.name AS region,
    count(*) AS orders,
    sum(o.total) AS revenue,
    avg(o.total)::numeric(12, 2) AS average
FROM orders o
JOIN region r ON r.id = o.region_id
WHERE o.status <> 'cancelled'
GROUP BY 1, 2
ORDER BY month, region
