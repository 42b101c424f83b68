export function tokenOf(user: string, n: number): string;
