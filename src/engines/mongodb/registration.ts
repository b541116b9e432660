import type { EngineRegistration } from '../engine.ts';

/** How a MongoDB is registered: with user and password, or, where access control is off, with neither. */
export const registration: EngineRegistration = {
  login: 'both-or-neither',
  tls: ['verify-full', 'require', 'disable'],
  // One name serves its programs for dialling and for TLS.
  tunnelTls: ['require', 'disable'],
  tools: ['mongodump', 'mongorestore'],
  guide: `// In mongosh, as an administrator. passwordPrompt() asks for the password, so that it is in no history.
db.getSiblingDB("admin").createUser({
  user: "backup",
  pwd: passwordPrompt(),
  // One database: read it and nothing else. The whole server, with its users: { role: "backup", db: "admin" }.
  roles: [{ role: "read", db: "your database" }],
});
`,
};
