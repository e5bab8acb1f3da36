-- A small CRM. Every table has a primary key and REPLICA IDENTITY DEFAULT, as PostgreSQL makes them: weir needs no more.
CREATE TABLE account (
  id             bigint PRIMARY KEY,
  name           text NOT NULL,
  industry       text,
  annual_revenue numeric(18,2),
  updated_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE contact (
  id             bigint PRIMARY KEY,
  email          text,
  state          char(2),
  score          integer NOT NULL DEFAULT 0,
  email_opt_in   boolean NOT NULL DEFAULT false,
  birthdate      date,
  customer_since timestamptz,
  tags           text[],
  notes          text,
  account_id     bigint REFERENCES account (id),
  updated_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE lead (
  id                bigint PRIMARY KEY,
  email             text NOT NULL,
  status            text NOT NULL DEFAULT 'new',
  budget            numeric,
  parent_contact_id bigint REFERENCES contact (id),
  created_at        timestamp NOT NULL DEFAULT localtimestamp
);

CREATE TABLE opportunity (
  id                uuid PRIMARY KEY,
  name              text NOT NULL,
  contact_id        bigint REFERENCES contact (id),
  account_id        bigint REFERENCES account (id),
  status            text NOT NULL DEFAULT 'open',
  estimated_revenue numeric(12,2),
  close_date        date
);

CREATE TABLE support_case (
  id         bigint PRIMARY KEY,
  contact_id bigint NOT NULL REFERENCES contact (id),
  priority   text NOT NULL DEFAULT 'normal',
  title      text,
  opened_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE event_registration (
  id            bigint PRIMARY KEY,
  contact_id    bigint NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
  event_name    text NOT NULL,
  registered_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE session_booking (
  id              bigint PRIMARY KEY,
  registration_id bigint NOT NULL REFERENCES event_registration (id) ON DELETE CASCADE,
  session         text NOT NULL
);
