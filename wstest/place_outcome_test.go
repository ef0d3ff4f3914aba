package wstest_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

// brokenRoom is a room in which nobody can say anything.
func brokenRoom(post gatesock.Poster) *gatesock.Router { return newRoom(mute{post}) }

type mute struct{ gatesock.Poster }

func (m mute) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	if bytes.Contains(data, []byte(`"said"`)) {
		return errors.New("broken")
	}
	return m.Poster.Post(ctx, to, data)
}

// TestOutcomes runs itself in processes of their own, to see how tests of places end.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const variable = "WSTEST_APP"
	if app := os.Getenv(variable); app != "" {
		wstest.Everywhere(t, func(_ *testing.T, rec *wstest.Recorder) lambda.Handler {
			if app == "broken" {
				return brokenRoom(rec)
			}
			return newRoom(rec)
		}, talk, wstest.WithCredentials(tokenOf))
		return
	}
	// Each has a stage of its own, because the room has one list of members.
	at := func(newApp func(gatesock.ConnectionsAPI) lambda.Handler) []string {
		return []string{wstest.StageVariable + "=" + startStage(t, newApp)}
	}
	broken := func(api gatesock.ConnectionsAPI) lambda.Handler { return brokenRoom(api) }
	for name, c := range map[string]struct {
		app    string
		env    []string
		places string // what the process says of memory, loopback and deployed
		want   string
	}{
		"all is well": {"good", at(roomStage), "PASS PASS PASS", ""},
		"no stage": {
			"good", nil, "PASS PASS SKIP", `wstest: no stage: GATESOCK_TEST_URL has the address of none`,
		},
		"the address was lost": {
			"good", []string{wstest.StageVariable + "="}, "PASS PASS FAIL", `wstest: GATESOCK_TEST_URL is set, but empty`,
		},
		"a broken application": {
			"broken", at(broken), "FAIL FAIL FAIL", `expected an acknowledgement of "say" with id "\d+", not a reply with data or an error`,
		},
		"a broken stage": {
			"good", at(broken), "PASS PASS FAIL", `expected an acknowledgement of "say" with id "\d+", not a reply with data or an error`,
		},
		"an application that is not deployed yet": {
			"broken", at(roomStage), "FAIL FAIL PASS", `expected an acknowledgement of "say" with id "\d+", not a reply with data or an error`,
		},
		"nobody is there": {
			"good",
			[]string{wstest.StageVariable + "=ws://" + nobody(t) + "/prod"},
			"PASS PASS FAIL",
			`can't reach the stage ws://127\.0\.0\.1:\d+/prod: dial tcp`,
		},
		"not an address of sockets": {
			"good",
			[]string{wstest.StageVariable + "=https://example.com/prod"},
			"PASS PASS FAIL",
			`must be like wss://\S+; this one begins with "https"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			require.NoError(t, err)
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestOutcomes$", "-test.v")
			cmd.Env = append(append(os.Environ(), variable+"="+c.app), c.env...)
			out, err := cmd.CombinedOutput()
			places := ""
			for _, place := range []string{"memory", "loopback", "deployed"} {
				m := regexp.MustCompile(`--- (\w+): TestOutcomes/` + place + ` `).FindSubmatch(out)
				require.NotNil(t, m, "%s: %s", place, out)
				places += " " + string(m[1])
			}
			require.Equal(t, " "+c.places, places, "%s", out)
			require.Regexp(t, c.want, string(out))
			require.Equal(t, regexp.MustCompile("FAIL").MatchString(c.places), err != nil, "%s", out)
		})
	}
}

// nobody returns an address that nobody listens at.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
