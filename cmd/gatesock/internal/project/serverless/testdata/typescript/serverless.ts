// As the template aws-nodejs-typescript: path aliases, functions in their folders, a bundler.
import type { AWS } from '@serverless/typescript';

import hello from '@functions/hello';
import { origin } from 'src/libs/origin.js';

const configuration: AWS = {
  service: 'typescript',
  frameworkVersion: '3',
  plugins: ['serverless-esbuild'],
  provider: {
    name: 'aws',
    runtime: 'nodejs20.x' as const,
    environment: { ORIGIN: origin<string>(), TABLE: '${self:resources.Resources.Table.Properties.TableName}' },
  },
  functions: { hello },
  resources: {
    Resources: {
      Table: {
        Type: 'AWS::DynamoDB::Table',
        Properties: {
          TableName: '${self:service}-${sls:stage}',
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        },
      },
    },
  },
};

module.exports = configuration;
