/** One line of code that keeps a fault away, and the test that must turn red without it. */
export interface Defence {
  /** The fault's number in the catalogue; the tests of that name are run. */
  readonly fault: string;
  /** What is taken away, in a few words. */
  readonly what: string;
  readonly file: string;
  /** Text that stands exactly once in the file. */
  readonly remove: string;
  /** What is put in its place. */
  readonly put: string;
  readonly test: string;
}
