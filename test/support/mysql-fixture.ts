/** One hostile database, as statements for one session that has selected it. `odd` names hold what tools trip over. */

export type FixtureFamily = 'MariaDB' | 'MySQL';

/** Names that are literal for us and something else for a careless tool. */
export const ODD_TABLES = [
  'it\'s a `quoted` "table"',
  'new\nline',
  '--result-file=x',
  ' leading space',
  'Ünïcødé 表',
  'semi;colon -- comment',
  'back\\slash',
  '%_like',
  'a.b',
  '$(touch x)',
];

const TYPES_COMMON = `CREATE TABLE every_type (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT,
  c_tiny TINYINT, c_small SMALLINT, c_medium MEDIUMINT, c_int INT, c_big BIGINT UNSIGNED,
  c_decimal DECIMAL(30,10), c_double DOUBLE, c_bit BIT(13), c_bool BOOLEAN,
  c_date DATE, c_time TIME(6), c_datetime DATETIME(6), c_timestamp TIMESTAMP(3) NULL, c_year YEAR,
  c_char CHAR(5), c_varchar VARCHAR(100), c_binary BINARY(4), c_varbinary VARBINARY(40),
  c_tinyblob TINYBLOB, c_blob BLOB, c_mediumblob MEDIUMBLOB, c_longblob LONGBLOB,
  c_tinytext TINYTEXT, c_text TEXT, c_mediumtext MEDIUMTEXT, c_longtext LONGTEXT,
  c_enum ENUM('a','b''c','d,e','ü'), c_set SET('x','y','z z'),
  c_json JSON, c_geometry GEOMETRY, c_point POINT, c_line LINESTRING, c_polygon POLYGON,
  c_latin VARCHAR(20) CHARACTER SET latin1, c_utf16 VARCHAR(20) CHARACTER SET utf16,
  c_default VARCHAR(40) NOT NULL DEFAULT 'it''s \\\\ "x"\\n;' COMMENT 'a comment; with ''quotes'' and \`ticks\`',
  c_virtual INT GENERATED ALWAYS AS (c_int * 2) VIRTUAL,
  c_stored VARCHAR(120) GENERATED ALWAYS AS (CONCAT(c_varchar, '\\'), (', 'x')) STORED,
  PRIMARY KEY (id), UNIQUE KEY \`odd \`\`key\`\`\` (c_int), KEY prefix (c_text(10)), KEY two (c_small DESC, c_date),
  FULLTEXT KEY words (c_mediumtext),
  CONSTRAINT positive CHECK (c_tiny IS NULL OR c_tiny > -100)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='every type; it''s all here' ROW_FORMAT=DYNAMIC`;

const ROWS_COMMON = [
  `INSERT INTO every_type (c_tiny,c_small,c_medium,c_int,c_big,c_decimal,c_double,c_bit,c_bool,c_date,c_time,c_datetime,
    c_timestamp,c_year,c_char,c_varchar,c_binary,c_varbinary,c_tinyblob,c_blob,c_mediumblob,c_longblob,c_tinytext,c_text,
    c_mediumtext,c_longtext,c_enum,c_set,c_json,c_geometry,c_point,c_line,c_polygon,c_latin,c_utf16) VALUES
   (-99,-32768,8388607,-2147483648,18446744073709551615,'-12345678901234567890.0123456789',-1.7976931348623157e308,
    b'1010101010101',TRUE,'9999-12-31','-838:59:59.000000','2026-03-29 02:30:00.123456','2026-03-29 01:30:00.123',2155,
    'ab','it''s \\\\ a "back\\\\slash" \\n \\r \\t ; -- /* */ # \`',X'00ff2700',X'275c0a0d1a00','\\0',X'275c',X'1a1b',
    X'ffd8ffe000104a464946','tiny','(1,2),(3,4);','-- Dump completed','INSERT INTO \`x\` VALUES (1);\\n','b''c','x,z z',
    '{"a": "it''s \\\\"x\\\\"", "b": [1, 2.5, null, true], "ü": "😀"}',ST_GeomFromText('POINT(1 2)'),
    ST_GeomFromText('POINT(-1.5 2.25)'),ST_GeomFromText('LINESTRING(0 0,1 1,2 0)'),
    ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 4,0 0))'),'café','日本')`,
  "INSERT INTO every_type (c_int,c_varchar,c_text,c_json) VALUES (1,'😀 emoji','','null'),(2,'\\\\',NULL,'[]'),(3,'''','x','{}')",
  'INSERT INTO every_type (c_int,c_blob) VALUES (4, UNHEX(REPEAT(HEX(CHAR(0,39,92,10,13,26,34,96)), 500)))',
  "INSERT INTO every_type (c_int,c_longtext) VALUES (5, REPEAT('a\\'b\\\\c\\nd;', 20000))",
];

/** Schema and content for both families. */
const COMMON: readonly string[] = [
  "CREATE USER IF NOT EXISTS 'app owner'@'10.%' IDENTIFIED BY 'x'",
  "GRANT ALL ON *.* TO 'app owner'@'10.%'",
  "SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'",
  TYPES_COMMON,
  ...ROWS_COMMON,
  'CREATE TABLE zero_dates (id INT PRIMARY KEY, d DATE, t DATETIME, s TIMESTAMP NULL)',
  "INSERT INTO zero_dates VALUES (1,'0000-00-00','0000-00-00 00:00:00','0000-00-00 00:00:00'),(2,'2024-00-00','2024-02-00 00:00:00',NULL)",
  'CREATE TABLE zero_id (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) AUTO_INCREMENT=1000',
  "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
  'INSERT INTO zero_id VALUES (0, 1), (-5, 2)',
  "SET SESSION sql_mode = ''",
  'CREATE TABLE empty_table (id INT PRIMARY KEY)',
  'CREATE TABLE no_key (a INT, b VARCHAR(10))',
  "INSERT INTO no_key VALUES (1,'x'),(1,'x'),(1,'x'),(NULL,NULL)",
  'CREATE TABLE cycle_a (id INT PRIMARY KEY, b_id INT, KEY (b_id)) ENGINE=InnoDB',
  'CREATE TABLE cycle_b (id INT PRIMARY KEY, a_id INT, CONSTRAINT to_a FOREIGN KEY (a_id) REFERENCES cycle_a (id) ON DELETE CASCADE ON UPDATE SET NULL) ENGINE=InnoDB',
  'INSERT INTO cycle_a VALUES (1,NULL),(2,NULL)',
  'INSERT INTO cycle_b VALUES (1,2),(2,1)',
  'UPDATE cycle_a SET b_id = id',
  'ALTER TABLE cycle_a ADD CONSTRAINT to_b FOREIGN KEY (b_id) REFERENCES cycle_b (id)',
  'CREATE TABLE self_ref (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES self_ref (id))',
  'INSERT INTO self_ref VALUES (1,NULL),(2,1),(3,2)',
  `CREATE TABLE parts (id INT NOT NULL, at DATE NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (YEAR(at))
    (PARTITION p0 VALUES LESS THAN (2020) COMMENT='old', PARTITION p1 VALUES LESS THAN (2030), PARTITION pmax VALUES LESS THAN MAXVALUE)`,
  "INSERT INTO parts VALUES (1,'2019-01-01'),(2,'2025-01-01'),(3,'2099-01-01')",
  'CREATE TABLE hashed (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3',
  'INSERT INTO hashed VALUES (1),(2),(3)',
  'CREATE TABLE isam (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE=MyISAM',
  "INSERT INTO isam VALUES (1,'a'),(2,'b')",
  'CREATE TABLE in_memory (id INT PRIMARY KEY) ENGINE=MEMORY',
  'CREATE TABLE latin (v VARCHAR(20)) DEFAULT CHARSET=latin1 COLLATE=latin1_german2_ci',
  "INSERT INTO latin VALUES ('Müller'),('ß')",
  'CREATE TABLE invisible_column (id INT PRIMARY KEY, secret INT INVISIBLE, v INT)',
  'INSERT INTO invisible_column (id, secret, v) VALUES (1, 42, 7)',
  'CREATE TABLE log (n INT NOT NULL, what VARCHAR(200))',
  ...ODD_TABLES.flatMap((name) => {
    const quoted = `\`${name.replaceAll('`', '``')}\``;
    return [
      `CREATE TABLE ${quoted} (${quoted} INT, \`order\` VARCHAR(20) DEFAULT '''')`,
      `INSERT INTO ${quoted} VALUES (1, 'x'), (2, '\\'')`,
    ];
  }),
  "CREATE DEFINER='app owner'@'10.%' SQL SECURITY DEFINER VIEW a_view AS SELECT id, c_varchar FROM every_type WHERE c_varchar <> 'it''s'",
  'CREATE SQL SECURITY INVOKER VIEW `odd ``view``` AS SELECT v.id, z.v FROM every_type v JOIN zero_id z ON z.id = v.id',
  'CREATE VIEW checked AS SELECT * FROM parts WHERE id < 100 WITH LOCAL CHECK OPTION',
  // Sorts before what it selects from.
  'CREATE VIEW `_first` AS SELECT * FROM checked',
  "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'",
  `CREATE DEFINER='app owner'@'10.%' PROCEDURE ansi_quoted(IN "a;b" INT, OUT n INT)
    COMMENT 'with ; and ''quotes'''
  BEGIN
    -- a comment; with a semicolon
    DECLARE x VARCHAR(20) DEFAULT 'ends with \\';
    /* another ; one $$ */
    SELECT COUNT(*) INTO n FROM "every_type" WHERE c_varchar = x || ';;';
  END`,
  `CREATE FUNCTION "odd \`\`function; --"(v INT) RETURNS VARCHAR(20) CHARSET utf8mb4 DETERMINISTIC NO SQL RETURN 'c:\\' || v`,
  "SET SESSION sql_mode = ''",
  "CREATE FUNCTION backslashed() RETURNS VARCHAR(50) DETERMINISTIC NO SQL SQL SECURITY INVOKER RETURN 'it\\'s ;; \\\\ // \\n'",
  "CREATE PROCEDURE crlf()\r\nBEGIN\r\n  SELECT 1;\r\n  SELECT 'a\r\nb';\r\nEND",
  'CREATE TRIGGER t_first BEFORE INSERT ON zero_id FOR EACH ROW SET NEW.v = NEW.v + 1',
  'CREATE TRIGGER t_second BEFORE INSERT ON zero_id FOR EACH ROW FOLLOWS t_first SET NEW.v = NEW.v * 2',
  'CREATE TRIGGER t_between BEFORE INSERT ON zero_id FOR EACH ROW PRECEDES t_second SET NEW.v = NEW.v + 100',
  `CREATE DEFINER='app owner'@'10.%' TRIGGER \`odd \`\`trigger;\` AFTER UPDATE ON no_key FOR EACH ROW
    BEGIN
      INSERT INTO log VALUES (OLD.a, CONCAT('it''s; ', COALESCE(NEW.b, '\\\\')));
      IF NEW.a > 1 THEN INSERT INTO log VALUES (NEW.a, 'END;;'); END IF;
    END`,
  "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 02:30:00' ON COMPLETION PRESERVE ENABLE COMMENT 'it''s; an event' DO DELETE FROM log WHERE n < 0",
  "SET SESSION time_zone = '+05:30'",
  "CREATE EVENT `odd ``event;` ON SCHEDULE AT '2037-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE DO BEGIN INSERT INTO log VALUES (1, ';'); END",
  "SET SESSION time_zone = 'SYSTEM'",
];

const MARIADB: readonly string[] = [
  'CREATE SEQUENCE seq START WITH 5 INCREMENT BY 3 MINVALUE 5 MAXVALUE 10000 CACHE 7 CYCLE',
  'SELECT NEXT VALUE FOR seq',
  'CREATE SEQUENCE `odd ``seq;` START WITH -10 INCREMENT BY -1 NOCACHE',
  'CREATE TABLE versioned (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING',
  'INSERT INTO versioned VALUES (1, 1), (2, 2)',
  'UPDATE versioned SET v = 10 WHERE id = 1',
  'DELETE FROM versioned WHERE id = 2',
  'CREATE TABLE period_of_time (id INT, a DATE, b DATE, PERIOD FOR validity (a, b), UNIQUE (id, validity WITHOUT OVERLAPS))',
  "INSERT INTO period_of_time VALUES (1, '2020-01-01', '2021-01-01')",
  'CREATE TABLE maria_types (u UUID, i6 INET6, i4 INET4, v VARCHAR(100) COMPRESSED, d VARCHAR(36) DEFAULT UUID())',
  "INSERT INTO maria_types VALUES ('123e4567-e89b-12d3-a456-426614174000', '2001:db8::1', '10.0.0.1', REPEAT('x', 90), 'd')",
  'CREATE TABLE aria (id INT PRIMARY KEY) ENGINE=Aria TRANSACTIONAL=1',
  'INSERT INTO aria VALUES (1)',
  "SET SESSION sql_mode = 'ORACLE'",
  'CREATE PACKAGE pkg AS FUNCTION f1 RETURN INT; PROCEDURE p1; END',
  "CREATE PACKAGE BODY pkg AS FUNCTION f1 RETURN INT AS BEGIN RETURN 42; END; PROCEDURE p1 AS BEGIN SELECT 'x;y'; END; END",
  "SET SESSION sql_mode = ''",
];

const MYSQL: readonly string[] = [
  "CREATE TABLE mysql_types (id INT PRIMARY KEY, s POINT NOT NULL SRID 4326, j JSON DEFAULT (JSON_ARRAY()), vec VECTOR(3), SPATIAL KEY (s), KEY fn ((id + 1)), KEY multi ((CAST(j->'$' AS UNSIGNED ARRAY))))",
  "INSERT INTO mysql_types VALUES (1, ST_SRID(POINT(10, 20), 4326), '[1, 2]', TO_VECTOR('[1,2.5,-3]'))",
  'CREATE TABLE invisible_index (id INT PRIMARY KEY, v INT, KEY hidden (v) INVISIBLE, CONSTRAINT lax CHECK (v < 5) NOT ENFORCED)',
  'INSERT INTO invisible_index VALUES (1, 10)',
];

/** The statements that build the fixture on a server of this family. */
export function hostileFixture(family: FixtureFamily): readonly string[] {
  return [...COMMON, ...(family === 'MariaDB' ? MARIADB : MYSQL)];
}
