-- Keys and indexes, after all rows are in: names and form are those of Django's migrations.

ALTER TABLE region ADD PRIMARY KEY (id), ADD UNIQUE (name);
CREATE INDEX region_name_5fc567df_like ON region (name varchar_pattern_ops);

ALTER TABLE category ADD PRIMARY KEY (id), ADD UNIQUE (slug);
CREATE INDEX category_slug_fd4fc841_like ON category (slug varchar_pattern_ops);
CREATE INDEX category_parent_id_6d39ea7f ON category (parent_id);

ALTER TABLE product ADD PRIMARY KEY (id), ADD UNIQUE (sku);
CREATE INDEX product_sku_1e15f61e_like ON product (sku varchar_pattern_ops);
CREATE INDEX product_category_id_640030a0 ON product (category_id);

ALTER TABLE customer ADD PRIMARY KEY (id), ADD UNIQUE (public_id), ADD UNIQUE (email);
CREATE INDEX customer_email_89e31bf1_like ON customer (email varchar_pattern_ops);
CREATE INDEX customer_region_id_3f618e8a ON customer (region_id);

ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE INDEX orders_customer_id_b7016332 ON orders (customer_id);
CREATE INDEX orders_region_id_9b296c6c ON orders (region_id);
CREATE INDEX orders_placed_at_c74013ff ON orders (placed_at);
CREATE INDEX orders_updated_at_9e10cb5f ON orders (updated_at);

ALTER TABLE order_line ADD PRIMARY KEY (id);
CREATE INDEX order_line_order_id_b9148391 ON order_line (order_id);
CREATE INDEX order_line_product_id_e620902d ON order_line (product_id);

ALTER TABLE "Gift Wrap" ADD PRIMARY KEY (id);

ALTER TABLE category
    ADD CONSTRAINT category_parent_id_6d39ea7f_fk_category_id
        FOREIGN KEY (parent_id) REFERENCES category (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE product
    ADD CONSTRAINT product_category_id_640030a0_fk_category_id
        FOREIGN KEY (category_id) REFERENCES category (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE customer
    ADD CONSTRAINT customer_region_id_3f618e8a_fk_region_id
        FOREIGN KEY (region_id) REFERENCES region (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE orders
    ADD CONSTRAINT orders_customer_id_b7016332_fk_customer_id
        FOREIGN KEY (customer_id) REFERENCES customer (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT orders_region_id_9b296c6c_fk_region_id
        FOREIGN KEY (region_id) REFERENCES region (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE order_line
    ADD CONSTRAINT order_line_order_id_b9148391_fk_orders_id
        FOREIGN KEY (order_id) REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT order_line_product_id_e620902d_fk_product_id
        FOREIGN KEY (product_id) REFERENCES product (id) DEFERRABLE INITIALLY DEFERRED;
