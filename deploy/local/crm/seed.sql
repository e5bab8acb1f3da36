-- What was in the CRM before anybody listened: Debezium reads it as a snapshot.
INSERT INTO account (id, name, industry, annual_revenue) VALUES
  (1, 'Contoso', 'Retail', 1234567.89),
  (2, 'Fabrikam', 'Manufacturing', 98765432109876.54);

INSERT INTO contact (id, email, state, score, email_opt_in, birthdate, customer_since, tags, account_id) VALUES
  (1, 'anna@contoso.example', 'ND', 40, true, '1985-12-10', '2019-03-01 12:00:00+00', '{vip,newsletter}', 1),
  (2, 'bert@fabrikam.example', 'MN', 90, true, '1999-02-28', NULL, '{}', 2),
  (3, 'cleo@nowhere.example', NULL, 10, false, NULL, NULL, NULL, NULL);

INSERT INTO lead (id, email, status, budget) VALUES (1, 'dora@example.org', 'new', 2500);
