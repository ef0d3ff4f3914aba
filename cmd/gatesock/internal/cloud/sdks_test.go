//go:build !race

package cloud

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/sdktest"
)

// TestOtherSDKs calls the services with the SDKs of other languages, which check what they get in
// ways of their own. The boto3 of Debian 12 speaks the older protocol with SQS.
func TestOtherSDKs(t *testing.T) {
	t.Parallel()
	node, modules, python := sdktest.Node(t), sdktest.NodeModules(t), sdktest.Python(t)
	for name, test := range map[string]struct {
		program []string
		want    string
	}{
		"javascript 3": {[]string{node, "testdata/v3.cjs"}, `["<é>","ä","0,255","1","news","v",1,"MalformedDetail",200,"{\"a\":1}",
			"ResourceNotFoundException","QueueDoesNotExist","UnknownOperationException"]`},
		"javascript 2": {[]string{node, "testdata/v2.cjs"}, `["<é>","ä","0,255","1","news","v",1,"MalformedDetail",200,"{\"a\":1}",
			"ResourceNotFoundException","AWS.SimpleQueueService.NonExistentQueue","UnknownOperationException"]`},
		"boto3": {[]string{python, "testdata/sdk.py"}, `["<é>","ä","0,255","1","news","v",1,"MalformedDetail",200,"{\"a\":1}",
			"ResourceNotFoundException","AWS.SimpleQueueService.NonExistentQueue","UnknownOperationException"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, &project.Project{
				Functions: []project.Function{function("F")}, Queues: []project.Queue{queueOf("q", nil)},
				Topics: []project.Topic{topicOf("news", toQueue("q"))},
			}, nil)
			w.answers(func(_ int, _ string, payload []byte) ([]byte, error) { return payload, nil })
			server := httptest.NewServer(w.cloud)
			defer func() {
				server.Close()
				require.NoError(t, w.cloud.Close(t.Context()))
			}()
			cmd := exec.CommandContext(t.Context(), test.program[0], append(test.program[1:], server.URL, "q", arn("sns", "news"))...)
			cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE=1", "PYTHONWARNINGS=ignore")
			cmd.Stderr = new(testWriter)
			out, err := cmd.Output()
			require.NoError(t, err, "%s", cmd.Stderr)
			require.JSONEq(t, test.want, string(out))
		})
	}
}

// testWriter keeps what a program says about its failure.
type testWriter struct{ text []byte }

func (w *testWriter) Write(p []byte) (int, error) {
	w.text = append(w.text, p...)
	return len(p), nil
}

func (w *testWriter) String() string { return string(w.text) }
