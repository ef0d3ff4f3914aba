//go:build unix && !race

package managed_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi"
	"github.com/gatesock/gatesock/emulator/runtimeapi/managed"
)

// patience is longer than a process takes on a busy machine.
const patience = 5 * time.Minute

// TestFunction runs handlers as package runtimeapi does, which freezes them between invocations.
func TestFunction(t *testing.T) {
	t.Parallel()
	folder := code(t, map[string]string{
		"app.mjs": `
let count = 0;
export const handler = async (event) => { if (event.fail) throw new RangeError('on demand'); return ++count; };
export const streamed = awslambda.streamifyResponse(async (event, to) => { to.write('"one '); to.write('two"'); to.end(); });
export const broken = awslambda.streamifyResponse(async (event, to) => {
  to.write('"one ');
  throw new RangeError('on demand');
});
`,
		"app.py": `
count = 0
def handler(event, context):
    global count
    if event.get("fail"):
        raise IndexError("on demand")
    count += 1
    return count
`,
	})
	for _, c := range []struct{ runtime, handler, first, second, errorType string }{
		{"nodejs20.x", "app.handler", "1", "2", "RangeError"},
		{"nodejs20.x", "app.streamed", `"one two"`, `"one two"`, ""},
		{"nodejs20.x", "app.broken", "", "", "RangeError"},
		{"nodejs20.x", "app.none", "", "", "Runtime.HandlerNotFound"},
		{"python3.11", "app.handler", "1", "2", "IndexError"},
		{"python3.11", "app.none", "", "", "Runtime.HandlerNotFound"},
	} {
		o := options(t, managed.Options{Runtime: c.runtime, Handler: c.handler, Folder: folder})
		program, err := managed.Prepare(t.Context(), o)
		require.NoError(t, err)
		f, err := runtimeapi.New(runtimeapi.Config{
			Command: program.Command, Dir: program.Dir, Env: append(o.Env, program.Env...), Handler: c.handler, Concurrency: 1,
			Timeout: patience, InitTimeout: patience,
		})
		require.NoError(t, err)
		for _, want := range []string{c.first, c.second} {
			if want != "" {
				reply, err := f.Invoke(t.Context(), []byte(`{}`))
				require.NoError(t, err)
				require.Equal(t, want, string(reply))
			}
		}
		if c.errorType != "" {
			_, err := f.Invoke(t.Context(), []byte(`{"fail":true}`))
			var failed *runtimeapi.Error
			require.True(t, errors.As(err, &failed), "%v", err)
			require.Equal(t, c.errorType, failed.Type)
			require.True(t, json.Valid(failed.Payload()))
		}
		require.NoError(t, f.Close(context.Background()))
	}
}
