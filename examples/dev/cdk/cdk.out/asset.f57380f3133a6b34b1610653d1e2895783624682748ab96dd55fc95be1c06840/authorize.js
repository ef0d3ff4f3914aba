// Lets in clients with a name of letters, which the other events then have.
export const handler = async (event) => {
  const { name } = event.queryStringParameters;
  return {
    principalId: name,
    policyDocument: {
      Version: "2012-10-17",
      Statement: [{
        Action: "execute-api:Invoke",
        Effect: /^[a-z]+$/i.test(name) ? "Allow" : "Deny",
        Resource: event.methodArn,
      }],
    },
    context: { name },
  };
};
