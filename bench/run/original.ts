import { spawn } from 'node:child_process';
import { PassThrough, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';

// The common way to write this program: the dump tool's output through JavaScript, gzip in Node or in the tool, the SDK's
// own uploader. The yardstick for what the pipeline of ours gains; it checks no exit status in time and proves nothing.
// usage: node bench/original.ts ENDPOINT KEY GZIP_LEVEL|0 PROGRAM ARG…   (credentials from the AWS environment)

const [endpoint = '', key = '', level = '0', program = '', ...args] = process.argv.slice(2);

const client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true });
const dump = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
const ended = new Promise((resolve) => dump.on('close', resolve));
const body = new PassThrough();
const compress: Transform = level === '0' ? new PassThrough() : createGzip({ level: Number(level) });
const upload = new Upload({ client, params: { Bucket: 'bench', Key: key, Body: body } });

await Promise.all([pipeline(dump.stdout, compress, body), upload.done()]);
process.exitCode = (await ended) === 0 ? 0 : 1;
