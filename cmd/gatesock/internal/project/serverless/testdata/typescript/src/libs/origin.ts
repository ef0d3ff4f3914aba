export const origin = <T>(): T | string => import.meta.url.split('/').pop() as string;
