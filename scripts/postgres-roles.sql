-- Roles of a new PostgreSQL: one that owns the tables and migrates them, one for the application.
-- Neither is a superuser and neither passes by row-level security; the application cannot change a table.
\getenv owner_password PLATFORM_OWNER_PASSWORD
\getenv application_password PLATFORM_APPLICATION_PASSWORD
\set ON_ERROR_STOP on
CREATE ROLE platform_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE platform_application LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'application_password';
ALTER DATABASE platform OWNER TO platform_owner;
ALTER SCHEMA public OWNER TO platform_owner;
REVOKE ALL ON DATABASE platform FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE platform TO platform_application;
GRANT USAGE ON SCHEMA public TO platform_application;
ALTER DEFAULT PRIVILEGES FOR ROLE platform_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO platform_application;
ALTER DEFAULT PRIVILEGES FOR ROLE platform_owner IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO platform_application;
