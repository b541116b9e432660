/** Works through a list in its order, so many at once; results stand where their inputs stood. */
export async function inLanes<In, Out>(
  list: readonly In[],
  lanes: number,
  work: (one: In) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  const entries = list.entries();
  const lane = async () => {
    for (const [place, one] of entries) results[place] = await work(one);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, list.length) }, lane));
  return results;
}
