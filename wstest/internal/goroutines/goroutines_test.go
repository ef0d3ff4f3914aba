package goroutines

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// profile is a goroutine profile as runtime/pprof writes it, shortened.
const profile = `goroutine profile: total 5
2 @ 0x47 0x48
# labels: {"gatesock/wstest":"ME 3 conn= my route", "other":"x"}
#	0x47	example.com/app.wait+0x1b	/src/app.go:12
#	0x48	example.com/app.start+0x2c	/src/a b/app.go:30

1 @ 0x49
# labels: {"gatesock/wstest":"YOU 3 conn= $default"}
#	0x49	example.com/app.wait+0x1b	/src/app.go:12

1 @ 0x50
#	0x50	main.main+0x1	/src/main.go:1

1 @ 0x51
# labels: {"gatesock/wstest":"ME 4 conn= $default"}
#	0x51	net/http.(*persistConn).readLoop+0x1	/src/transport.go:1
`

func TestParse(t *testing.T) {
	t.Parallel()
	list := New("ME").parse([]byte(profile))
	require.Equal(t, []Goroutine{
		{"3 conn= my route", 2, []string{
			"example.com/app.wait+0x1b /src/app.go:12", "example.com/app.start+0x2c /src/a b/app.go:30",
		}},
		{"4 conn= $default", 1, []string{"net/http.(*persistConn).readLoop+0x1 /src/transport.go:1"}},
	}, list)
	require.True(t, list[1].In("net/http.(*persistConn)."))
	require.False(t, list[0].In("net/http.(*persistConn)."))
}

// FuzzParse checks that no profile makes parse panic, even if a future runtime writes another
// format.
func FuzzParse(f *testing.F) {
	f.Add([]byte(profile))
	f.Add([]byte("# labels: {\"gatesock/wstest\":\"ME\"}\n#\n"))
	f.Add([]byte("1 @\n# labels: {\"gatesock/wstest\":\"ME 99999999999999999999 a b\"}\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		New("ME").parse(data)
	})
}

// TestDo checks that goroutines are found while they run, with the label of the call that started
// them.
func TestDo(t *testing.T) {
	t.Parallel()
	mine, other := New("mine"), New("other")
	var running sync.WaitGroup
	release := make(chan struct{})
	found := make(chan string)
	mine.Do(t.Context(), "call 1", func(context.Context) {
		running.Go(func() { // by a goroutine that is started here
			label, _ := mine.Current()
			found <- label
			<-release
		})
	})
	require.Equal(t, "call 1", <-found)
	list := mine.All()
	require.Len(t, list, 1)
	require.Equal(t, "call 1", list[0].Label)
	require.True(t, list[0].In("goroutines.TestDo"), "%q", list[0].Stack)
	require.Empty(t, other.All())
	_, ok := mine.Current()
	require.False(t, ok, "the test's own goroutine has no label")

	close(release)
	running.Wait()
}

func TestID(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^goroutine \d+$`, ID())
	id := make(chan string)
	go func() { id <- ID() }()
	require.NotEqual(t, ID(), <-id)
	require.Equal(t, ID(), ID())
}
