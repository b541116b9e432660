import type { ManifestBody } from '../../src/domain/manifest.ts';

export const MANIFEST: ManifestBody = {
  format: 'database-dump/manifest',
  version: 1,
  backup: '20261124t101112-0123456789',
  run: 'run1',
  attempt: 1,
  database: { id: '0123456789ab', name: 'shop', engine: 'postgres', host: 'db', port: 5432 },
  type: 'full',
  startedAt: '2026-11-24T10:11:12.000Z',
  snapshotAt: '2026-11-24T10:11:13.000Z',
  finishedAt: '2026-11-24T10:11:14.000Z',
  server: { flavour: 'PostgreSQL', version: '15.20' },
  tool: { program: 'pg_dump', version: '15.20' },
  options: {},
  consistency: 'snapshot',
  warnings: [],
  extension: 'pgc',
  compression: { algorithm: 'zstd', level: 3 },
  plain: { bytes: 10 },
  stored: { bytes: 5, sha256: 'a'.repeat(64) },
  volumes: [],
  inventory: { objects: {}, tables: { 'public.a': { rows: 1 } }, values: {}, facts: {} },
  uncounted: [],
  parsedInStream: false,
};

export const MYSQL_DUMP = `/*M!999999\\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS \`t\`;
CREATE TABLE \`t\` (
  \`id\` int(11) NOT NULL AUTO_INCREMENT,
  \`v\` varchar(20) DEFAULT 'it''s; \\\\ -- x',
  PRIMARY KEY (\`id\`)
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4;
LOCK TABLES \`t\` WRITE;
INSERT INTO \`t\` VALUES (1,'a;b\\'c'),(2,NULL),(3,0xFF00),(4,_binary 'x\\0\\n');
UNLOCK TABLES;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=\`a\`@\`%\`*/ /*!50003 TRIGGER \`g\` BEFORE INSERT ON \`t\` FOR EACH ROW BEGIN
  SET NEW.v = ';;x'; END */;;
DELIMITER ;
CREATE VIEW \`w\` AS SELECT 1;
-- Dump completed on 2026-11-24 10:00:00
`;
