package main

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/bench/internal/harness/harnesstest"
)

func TestMain(m *testing.M) { harnesstest.Main(m, command()) }

// small is a run of the whole command in about a second. takeSample checks that every post arrived,
// once.
func small() []string {
	return strings.Fields("-rounds 1 -posts 30 -warmup 10 -concurrency 7 -payload 200 -messages 2 -pace 1ms")
}

func TestMeasurements(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"-h2=false", "-h2"} {
		profiles := t.TempDir()
		s, err := parseSettings(append(small(), protocol, "-profiles", profiles))
		require.NoError(t, err)
		r, err := takeMeasurements(t.Context(), s)
		require.NoError(t, err)
		for _, p := range peers() {
			require.Len(t, r.samples[p.name], 1, p.name)
			got := r.samples[p.name][0]
			require.Equal(t, 30, got.posts, p.name)
			require.Positive(t, got.CPU, p.name)
			require.Positive(t, got.Elapsed, p.name)
			require.Positive(t, got.Allocations, p.name)
			require.Positive(t, got.connections, p.name)
			require.Positive(t, got.serverCPU, p.name)
			paced := r.paced[p.name]
			require.Len(t, paced, 1, p.name)
			require.Equal(t, 6, paced[0].posts, p.name)
			require.Len(t, paced[0].Latencies, 2, p.name)
			require.FileExists(t, filepath.Join(profiles, p.name+".pprof"))
		}
		require.LessOrEqual(t, r.samples["nethttp"][0].connections, 7, "as many as there are workers")
	}
}

func TestRoundsRotate(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(
		t,
		command().Play(t.Context(), append(small(), "-rounds", "3", "-peers", "fasthttp,gatesock"), nil, &out),
	)
	require.Contains(t, out.String(), "ratio to fasthttp")
	require.NotContains(t, out.String(), "sdk")
}

func TestSettingsAreRefused(t *testing.T) {
	t.Parallel()
	harnesstest.Refuses(t, command(), map[string]string{
		"-rounds 0":                "positive",
		"-posts -1":                "positive",
		"-warmup 0":                "positive",
		"-concurrency 1001":        "-concurrency",
		"-concurrency 0":           "-concurrency",
		"-payload 63":              "-payload",
		"-messages -1":             "-messages",
		"-at-once 65":              "-at-once",
		"-at-once 0":               "-at-once",
		"-pace 0s":                 "-pace",
		"-payload 131073":          "-payload",
		"-peers nobody":            `"nobody"`,
		"-peers gatesock,":         `""`,
		"-peers gatesock,gatesock": "twice",
		"-nonsense":                "nonsense",
		"word":                     `"word"`,
		"serve":                    "usage",
		"serve x":                  "order",
		"client":                   "usage",
		`client {"peer":"nobody"}`: `"nobody"`,
	})
	require.ErrorContains(
		t,
		command().Play(t.Context(), []string{roleServe, "{}"}, strings.NewReader("nonsense\n"), io.Discard),
		"nonsense",
	)
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	harnesstest.Interrupts(t, command(), small())
}

// A client whose posts fail is an error.
func TestClientFails(t *testing.T) {
	t.Parallel()
	g, err := startGateway(t.Context(), serverOrder{})
	require.NoError(t, err)
	require.NoError(t, g.close())
	for _, name := range peerNames() {
		_, err := runClient(t.Context(), clientOrder{
			Peer:        name,
			Endpoint:    g.ready.Endpoint,
			Roots:       g.ready.Roots,
			Posts:       1,
			Warmup:      1,
			Concurrency: 1,
			Payload:     100,
		})
		require.Error(t, err, name)
	}
}
