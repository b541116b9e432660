import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { isSigned, signedHeaders } from '../../../src/domain/notice/signature.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const older = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
const at = new Date();
const call = { id: 'notice-1', at, body: '{"type":"test"}' };
const later = (seconds: number) => new Date(Math.floor(at.getTime() / 1000) * 1000 + seconds * 1000);

describe('a signed call', () => {
  it('is believed by another implementation of the specification, by either secret of two', () => {
    const headers = signedHeaders(call, [secret, older]);

    expect(new Webhook(secret).verify(call.body, headers)).toEqual({ type: 'test' });
    expect(new Webhook(older).verify(call.body, headers)).toEqual({ type: 'test' });
    expect(() => new Webhook(`whsec_${Buffer.alloc(32, 9).toString('base64')}`).verify(call.body, headers)).toThrow();
  });

  it('says which call it is, and when it was made in whole seconds', () => {
    const headers = signedHeaders({ ...call, at: new Date(1_795_000_000_999) }, [secret]);

    expect(headers).toMatchObject({ 'webhook-id': 'notice-1', 'webhook-timestamp': '1795000000' });
    // By the specification, made with another tool, so that no receiver has to change.
    expect(headers['webhook-signature']).toBe('v1,oDMVhlJvLrs34w377Wdfu0lwBd2lG73dtL2ZMwUi7XI=');
  });

  it('is signed alike with a secret that is written without its prefix', () => {
    expect(signedHeaders(call, [secret.slice('whsec_'.length)])).toEqual(signedHeaders(call, [secret]));
  });

  it('is known by whoever has one of the secrets, and by nobody else', () => {
    const headers = signedHeaders(call, [secret, older]);

    expect(isSigned(headers, call, secret)).toBe(true);
    expect(isSigned(headers, call, older)).toBe(true);
    expect(isSigned(signedHeaders(call, [older]), call, secret)).toBe(false);
    expect(isSigned(signedHeaders(call, []), call, secret)).toBe(false);
  });

  it('is refused when a letter of it was changed', () => {
    const headers = signedHeaders(call, [secret]);

    expect(isSigned(headers, { ...call, body: '{"type":"tesu"}' }, secret)).toBe(false);
    expect(isSigned({ ...headers, 'webhook-id': 'notice-2' }, call, secret)).toBe(false);
    const second = String(Number(headers['webhook-timestamp']) + 1);
    expect(isSigned({ ...headers, 'webhook-timestamp': second }, call, secret)).toBe(false);
  });

  it.each(['', 'v1,', 'v1,short', 'v2,x v1a,y'])('is refused with the signature %p, not failed on', (signature) => {
    const headers = { ...signedHeaders(call, [secret]), 'webhook-signature': signature };

    expect(isSigned(headers, call, secret)).toBe(false);
  });

  it('is refused five minutes too late or too early, since it is a replay then', () => {
    const headers = signedHeaders(call, [secret]);

    for (const seconds of [-300, 0, 300]) expect(isSigned(headers, { ...call, at: later(seconds) }, secret)).toBe(true);
    for (const seconds of [-301, 301]) expect(isSigned(headers, { ...call, at: later(seconds) }, secret)).toBe(false);
    expect(isSigned({ ...headers, 'webhook-timestamp': 'soon' }, call, secret)).toBe(false);
  });
});
