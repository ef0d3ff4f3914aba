//go:build unix && !race

package managed_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi/managed"
	"github.com/gatesock/gatesock/internal/sdktest"
)

// cacheWithSDK returns a cache in which the SDKs of the tests are installed.
func cacheWithSDK(t *testing.T) string {
	t.Helper()
	modules := sdktest.NodeModules(t)
	cache := t.TempDir()
	folder := filepath.Join(cache, managed.NodeSDKFolder(), "of-the-tests")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	require.NoError(t, os.Symlink(modules, filepath.Join(folder, "node_modules")))
	manifest, err := os.ReadFile(filepath.Join(filepath.Dir(modules), "package.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "package.json"), manifest, 0o644))
	return cache
}

func TestSuppliedSDK(t *testing.T) {
	t.Parallel()
	cache := cacheWithSDK(t)
	folder := code(t, map[string]string{
		"module.mjs": `
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from '@aws-sdk/client-apigatewaymanagementapi';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { own } from '@aws-sdk/client-sns';
const client = new ApiGatewayManagementApiClient({ endpoint: 'https://example.com/dev', region: 'us-east-1' });
const command = PostToConnectionCommand.name;
export const handler = async () => [typeof client.send, command, typeof DynamoDBDocumentClient.from, own];
`,
		"common.cjs": `
const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');
const { own } = require('@aws-sdk/client-sns');
exports.handler = async () => [typeof DynamoDBClient, own, typeof (await import('@aws-sdk/client-sqs')).SQSClient];
`,
		"two.js": `
const AWS = require('aws-sdk');
exports.handler = async () => typeof AWS.ApiGatewayManagementApi;
`,
		"typed.ts":      typed,
		"typed/sub.ts":  `export const sub: string = 'of a module';`,
		"tsconfig.json": `{"compilerOptions":{"paths":{"~/*":["./typed/*"]}}}`,
		"node_modules/@aws-sdk/client-sns/index.cjs":    `exports.own = 'of the project';`,
		"node_modules/@aws-sdk/client-sns/package.json": `{"name":"@aws-sdk/client-sns","main":"index.cjs"}`,
	})
	require.NoError(t, os.Symlink(filepath.Join(sdktest.NodeModules(t), "esbuild"), filepath.Join(folder, "node_modules", "esbuild")))
	for _, c := range []struct{ runtime, handler, want string }{
		{"nodejs20.x", "module.handler", `["function","PostToConnectionCommand","function","of the project"]`},
		{"nodejs22.x", "common.handler", `["function","of the project","function"]`},
		{"nodejs16.x", "two.handler", `"function"`},
		{"nodejs20.x", "typed.handler", `["of a module","function","of the project"]`},
	} {
		var said notes
		p := start(t, managed.Options{Runtime: c.runtime, Handler: c.handler, Folder: folder, Cache: cache, Log: said.log})
		require.Equal(t, c.want, p.invoke(t, `{}`).body, p.output)
		require.NotContains(t, said.text(), "installing")
		if c.handler == "typed.handler" {
			r := p.invoke(t, `{"fails":true}`)
			require.Equal(t, "TypeError", r.errorType)
			require.Contains(t, r.body, "typed.ts:11", "the line of the source")
		}
		p.stop()
	}
}

const typed = `
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { own } from '@aws-sdk/client-sns';
import { sub } from '~/sub';

interface Event { fails?: boolean }

enum Kind { One = 'one' }

export const handler = async (event: Event): Promise<unknown> => {
  if (event.fails) throw new TypeError(Kind.One);
  return [sub, typeof DynamoDBClient, own];
};
`

func TestSuppliedBoto(t *testing.T) {
	t.Parallel()
	folder := code(t, map[string]string{"app.py": `
import boto3
client = boto3.client("apigatewaymanagementapi", endpoint_url="https://example.com/dev", region_name="us-east-1")
def handler(event, context):
    return [client.meta.service_model.service_name, client.meta.endpoint_url]
`})
	var said notes
	// Debian's interpreter, which has boto3, comes first.
	o := managed.Options{Runtime: "python3.11", Handler: "app.handler", Folder: folder, Log: said.log}
	python := filepath.Dir(sdktest.Python(t))
	o = options(t, o)
	o.Env = append(o.Env, "PATH="+python+":"+strings.TrimPrefix(o.Env[0], "PATH="))
	program, err := managed.Prepare(t.Context(), o)
	require.NoError(t, err)
	p := run(t, program.Command, program.Dir, append(append(o.Env, program.Env...), "_HANDLER=app.handler"))
	require.JSONEq(t, `["apigatewaymanagementapi", "https://example.com/dev"]`, p.invoke(t, `{}`).body, p.output)
	require.NotContains(t, said.text(), "installing")
}
