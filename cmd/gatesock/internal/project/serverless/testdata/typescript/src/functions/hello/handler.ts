export const main = async (event: unknown) => ({ statusCode: 200 });
