-- The sample's own user and its empty database. Like a user of a managed server: may make databases, is no superuser.
-- What a start that was cut short left is taken away first.
\getenv password SAMPLE_PASSWORD
drop database if exists shop;
drop role if exists shop;
create role shop login createdb password :'password';
create database shop owner shop template template0 encoding 'UTF8';
