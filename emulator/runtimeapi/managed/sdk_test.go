package managed

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeNPM installs what a package.json wants, and writes a line into $CALLS for each call.
const fakeNPM = `
PATH=/usr/bin:/bin
echo "$*" >>"$CALLS"
[ "$1" = install ] || exit 1
[ -f package-lock.json ] || exit 1
grep -o '"[@a-z][^"]*": "[^"]*"' package.json | tr -d '":' | while read -r name version; do
	mkdir -p "node_modules/$name"
	echo "$version" >"node_modules/$name/version"
done
`

// withCalls returns a script that writes to a file of the test.
func withCalls(t *testing.T, script string) (program, calls string) {
	t.Helper()
	calls = filepath.Join(t.TempDir(), "calls")
	return "CALLS='" + calls + "'\n" + script, calls
}

func lines(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return strings.Count(string(text), "\n")
}

// TestCodeBehindALink has a folder of code that is a link, as tools make them.
func TestCodeBehindALink(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"app.js": `require("@aws-sdk/client-sqs")`})
	link := filepath.Join(t.TempDir(), "code")
	require.NoError(t, os.Symlink(folder, link))
	npm, calls := withCalls(t, fakeNPM)
	o := Options{Runtime: "nodejs20.x", Handler: "app.handler", Folder: link}
	b := newBench(t, o, map[string]string{"node": fakeNode("20.1.0"), "npm": npm})
	b.prepare(t)
	require.Equal(t, 1, lines(t, calls), "the SDK is supplied")
}

func TestNodeSDK(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{
		"functions/app.mjs":                       `import { A } from '@aws-sdk/client-sqs'; import { B } from "@aws-sdk/client-own/x";`,
		"functions/lib/util.ts":                   "const sns = require('@aws-sdk/client-sns');",
		"functions/lib/deep/own.js":               `require("@aws-sdk/client-polly"); require('aws-sdk')`,
		"functions/lib/deep/node_modules/a/a.js":  `require("@aws-sdk/client-of-a-package")`,
		"functions/.aws-sam/a.js":                 `require("@aws-sdk/client-of-a-build")`,
		"functions/readme.md":                     `require("@aws-sdk/client-of-a-text")`,
		"functions/layered.js":                    `require("@aws-sdk/client-layered"); require('@smithy/protocol-http'); require('@aws-sdk')`,
		"node_modules/@aws-sdk/client-own/a.json": "",
	})
	layer := write(t, t.TempDir(), map[string]string{"nodejs/node_modules/@aws-sdk/client-layered/a.json": ""})
	npm, calls := withCalls(t, fakeNPM)
	programs := map[string]string{"node": fakeNode("20.1.0"), "npm": npm}
	o := Options{Runtime: "nodejs20.x", Handler: "app.handler", Folder: filepath.Join(folder, "functions"), Layers: []string{layer}}
	b := newBench(t, o, programs)
	s := settings[nodeSettings](t, b.prepare(t))
	require.Len(t, s.Modules, 2)
	require.Equal(t, filepath.Join(layer, "nodejs", "node_modules"), s.Modules[0])
	sdk := s.Modules[1]
	require.True(t, strings.HasPrefix(sdk, b.options.Cache), sdk)
	var manifest manifest
	text, err := os.ReadFile(filepath.Join(sdk, "..", "package.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &manifest))
	require.Equal(t, map[string]string{
		"@aws-sdk/client-apigatewaymanagementapi": "3.1169.0", "@aws-sdk/client-dynamodb": "3.1169.0", "@aws-sdk/lib-dynamodb": "3.1169.0",
		"@aws-sdk/client-sqs": "3.1175.0", "@aws-sdk/client-sns": "3.1169.0", "@aws-sdk/client-polly": "<=3.1177.0",
		"@smithy/protocol-http": "5.6.2",
	}, manifest.Dependencies)
	require.Equal(t, 1, lines(t, calls))
	require.Equal(t, []string{
		"nodejs20.x runs on Node.js 20.1.0 of this machine",
		"Node.js 20.1.0 cannot supply the AWS SDK to ES modules: use 18.19, 20.6 or newer, or install the SDK in the project",
	}[1:], b.said[1:])
	require.Equal(t, "installing @aws-sdk/client-apigatewaymanagementapi, @aws-sdk/client-dynamodb, @aws-sdk/client-polly, "+
		"@aws-sdk/client-sns, @aws-sdk/client-sqs, @aws-sdk/lib-dynamodb, @smithy/protocol-http once, which nodejs20.x carries on AWS "+
		"and the project does not have", b.said[0])

	require.Equal(t, sdk, settings[nodeSettings](t, b.prepare(t)).Modules[1], "installed once")
	other := write(t, t.TempDir(), map[string]string{"app.js": `require('@aws-sdk/lib-dynamodb')`})
	b.options.Folder, b.options.Layers = other, nil
	require.Equal(t, []string{sdk}, settings[nodeSettings](t, b.prepare(t)).Modules, "an installation with more serves too")
	require.Equal(t, 1, lines(t, calls))

	// What is not there is fetched, beside what is.
	write(t, other, map[string]string{"more.js": `require('@aws-sdk/client-s3')`})
	require.NotEqual(t, []string{sdk}, settings[nodeSettings](t, b.prepare(t)).Modules)
	require.Equal(t, 2, lines(t, calls))

	// Code without the SDK needs none.
	b.options.Folder = write(t, t.TempDir(), map[string]string{"app.js": `require('somewhere')`})
	require.Empty(t, settings[nodeSettings](t, b.prepare(t)).Modules)
	require.Equal(t, 2, lines(t, calls))
}

func TestNodeSDKVersion2(t *testing.T) {
	t.Parallel()
	npm, calls := withCalls(t, fakeNPM)
	folder := write(t, t.TempDir(), map[string]string{"app.js": `require('aws-sdk/clients/dynamodb'); require("@aws-sdk/client-s3")`})
	b := newBench(t, Options{Runtime: "nodejs16.x", Handler: "app.handler", Folder: folder},
		map[string]string{"node": fakeNode("20.9.0"), "npm": npm})
	s := settings[nodeSettings](t, b.prepare(t))
	require.Equal(t, 2, s.SDK)
	entries, err := os.ReadDir(s.Modules[0])
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "aws-sdk", entries[0].Name())
	require.Equal(t, 1, lines(t, calls))

	b.options.Runtime = "nodejs18.x"
	write(t, folder, map[string]string{"app.js": `require('aws-sdk')`})
	s = settings[nodeSettings](t, b.prepare(t))
	require.Equal(t, 3, s.SDK)
	require.Empty(t, s.Modules, "it is missing on AWS too")
	require.Equal(t, 1, lines(t, calls))
}

// TestSDKIsInstalledOnce lets several functions want the same packages at once.
func TestSDKIsInstalledOnce(t *testing.T) {
	t.Parallel()
	npm, calls := withCalls(t, fakeNPM)
	folder := write(t, t.TempDir(), map[string]string{"app.js": `require('@aws-sdk/client-s3')`})
	b := newBench(t, Options{Runtime: "nodejs20.x", Handler: "app.handler", Folder: folder},
		map[string]string{"node": fakeNode("20.9.0"), "npm": npm})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := Prepare(t.Context(), b.options); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, lines(t, calls))
	require.Len(t, b.said, 1)
}

func TestSDKCannotBeInstalled(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"app.js": `require('@aws-sdk/client-s3')`, "app.py": "import os, boto3"})
	node := map[string]string{"node": fakeNode("20.9.0")}
	o := Options{Runtime: "nodejs20.x", Handler: "app.handler", Folder: folder}
	require.Equal(t, "nodejs20.x carries @aws-sdk/client-s3 on AWS, the project does not have it, and there is no npm to install it: "+
		"install npm, or add it to package.json", newBench(t, o, node).fails(t))

	node["npm"] = `echo "npm error code ENOTFOUND" >&2; echo "npm error network request to a registry failed" >&2
echo "npm error A complete log of this run can be found in: /x" >&2; exit 1`
	b := newBench(t, o, node)
	require.Equal(t, "npm cannot install @aws-sdk/client-s3, which nodejs20.x carries on AWS: network request to a registry failed. "+
		"It needs the network once; or add the packages to package.json and install them in the project", b.fails(t))
	require.Len(t, b.said, 1)
	b.fails(t)
	require.Len(t, b.said, 2, "it tries again")

	o.Runtime = "python3.12"
	require.Equal(t, "pip cannot install boto3, which python3.12 carries on AWS: No matching distribution found for boto3. "+
		"It needs the network once; or install boto3 for PYTHON, such as by Debian's python3-boto3", func() string {
		b := newBench(t, o, nil)
		bin := strings.TrimPrefix(b.options.Env[0], "PATH=")
		fake(t, filepath.Join(bin, "python3"), pythonWithPip(bin, `echo "WARNING: retrying"; echo "ERROR: No matching distribution found for boto3"; exit 1`))
		return strings.ReplaceAll(b.fails(t), filepath.Join(bin, "python3"), "PYTHON")
	}())
}

// pythonWithPip is an interpreter in a folder whose pip is a script.
func pythonWithPip(bin, pip string) string {
	return `if [ "$2" = pip ]; then` + "\n" + pip + "\nelse\n" +
		fakePython(filepath.Join(bin, "python3"), "3.12.0", `"boto3": false`) + "\nfi"
}

func TestBoto(t *testing.T) {
	t.Parallel()
	pip, calls := withCalls(t, `PATH=/usr/bin:/bin; echo "$*" >>"$CALLS"; mkdir boto3`)
	for text, want := range map[string]int{
		"import boto3": 1, "from botocore.exceptions import ClientError": 1, "def f():\n    import json, boto3\n": 1,
		"import boto3_like": 0, "# import boto3": 0, "": 0,
	} {
		folder := write(t, t.TempDir(), map[string]string{"app.py": "", "lib/x.py": text, "venv/x.py": "import boto3"})
		b := newBench(t, Options{Runtime: "python3.12", Handler: "app.handler", Folder: folder}, nil)
		bin := strings.TrimPrefix(b.options.Env[0], "PATH=")
		fake(t, filepath.Join(bin, "python3"), pythonWithPip(bin, pip))
		require.NoError(t, os.RemoveAll(calls))
		after := settings[pythonSettings](t, b.prepare(t)).After
		require.Len(t, after, want, text)
		require.Equal(t, want, lines(t, calls), text)
		if want == 1 {
			require.DirExists(t, filepath.Join(after[0], "boto3"))
			require.Equal(t, after, settings[pythonSettings](t, b.prepare(t)).After)
			require.Equal(t, 1, lines(t, calls), "installed once")
			arguments, err := os.ReadFile(calls)
			require.NoError(t, err)
			require.Contains(t, string(arguments), "-m pip install --quiet")
			require.True(t, strings.HasSuffix(string(arguments), " boto3<=1.43.11\n"), string(arguments))
		}
	}
	// An interpreter that has it needs no other.
	b := newBench(t, Options{Runtime: "python3.12", Handler: "app.handler", Inline: "import boto3"}, map[string]string{
		"python3": fakePython("/fake/python3", "3.12.0", `"boto3": true`),
	})
	b.options.Handler = "index.handler"
	require.Empty(t, settings[pythonSettings](t, b.prepare(t)).After)
}

// TestPinnedVersions checks that package.json and the lock file of the SDK belong together.
func TestPinnedVersions(t *testing.T) {
	t.Parallel()
	require.NotContains(t, string(sdkLock), `"resolved"`, "remove it: npm install --omit-lockfile-registry-resolved=true")
	var manifest manifest
	require.NoError(t, json.Unmarshal(sdkManifest, &manifest))
	var lock struct {
		Packages map[string]struct {
			Version, Integrity string
			Dependencies       map[string]string
		}
	}
	require.NoError(t, json.Unmarshal(sdkLock, &lock))
	require.Equal(t, lock.Packages[""].Dependencies, manifest.Dependencies)
	for name, version := range manifest.Dependencies {
		require.Equal(t, version, lock.Packages["node_modules/"+name].Version, name)
		require.NotEmpty(t, lock.Packages["node_modules/"+name].Integrity, name)
		require.False(t, strings.HasPrefix(name, "@aws-sdk/client-") &&
			older([]int{3, 1177}, splitVersion(version)...), "newestV3 is older than %s", name)
	}
	for _, name := range common(3) {
		require.Contains(t, manifest.Dependencies, name)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"": "",
		"npm error code E404\nnpm error 404 Not Found\nnpm error A complete log of this run is there": "404 Not Found",
		"npm ERR! code EACCES\nnpm ERR! no permission\n":                                              "no permission",
		"WARNING: retry\nERROR: nothing found\nERROR: second":                                         "second",
	} {
		require.Equal(t, want, reason(output), output)
	}
}
