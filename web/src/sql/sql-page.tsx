import { usePageTitle } from '../shell/pages.ts';

export function SqlPage() {
  usePageTitle('SQL');
  return <main className="page-message" aria-label="SQL" />;
}
