// Shows answers of all kinds, the first one at the top.
const all = [
  { result: 'Two **people**:\none *rides*, 2 * 3 * 4 a_b_c\n\n1. a `red` coat\n2. a bag\n## Risk\n- none\n```\nx < y\n```' },
  { result: '<img src=x onerror="window.hit=1"> [a](javascript:window.hit=1) **<script>window.hit=1</script>**' },
  { result: 'A man stands beside', finish_reason: 'length' },
  { ok: false, error: 'The model refused.', finish_reason: 'content_filter' },
  { result: '{"people": "two"}', late: true, stale: true, schema_error: 'people is not an integer' },
  { result: 'A man stands beside a bicycle.', repeated: true },
  { result: '{"people": 2, "objects": ["bicycle", "van"]}' },
];
import('/page/answers.js').then(({ add }) => {
  all.reverse().forEach((answer, index) => add({ id: index + 1, prompt: 'What is it?', received_at: '2026-01-31T12:00:00Z', total_latency_ms: 300, ...answer }));
});
