/** Works on all of them, so many at once: programs that mostly wait for each other keep two cores busy. Results in order. */
export async function atOnce<In, Out>(
  items: readonly In[],
  width: number,
  work: (item: In, index: number) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  let next = 0;
  async function worker(): Promise<void> {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await work(items[index] as In, index);
    }
  }
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
