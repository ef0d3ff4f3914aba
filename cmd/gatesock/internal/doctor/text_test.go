package doctor_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aws/aws-sdk-go-v2/aws"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/doctor"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag of the test binary

// TestWriteText compares reports with golden files.
func TestWriteText(t *testing.T) {
	t.Parallel()
	for name, differ := range map[string]func(c *cloud){
		"healthy": func(*cloud) {},
		"broken": func(c *cloud) {
			for _, key := range []string{"join", "say", "leave"} {
				delete(c.routeResponses, "route-"+key)
			}
			delete(c.routes, "typing")
			c.fails["GetPolicy"] = failure("AccessDeniedException")
			env(c, "GATEWAY_ENDPOINT", "https://zzz.execute-api.eu-central-1.amazonaws.com/prod")
			c.functions[app].Runtime = functions.RuntimeProvidedal2
			c.stage.DefaultRouteSettings.ThrottlingRateLimit = aws.Float64(0)
			c.queues[deadURL]["ApproximateNumberOfMessages"] = "3"
			c.sources[0].LastProcessingResult = aws.String("PROBLEM: \x1b[2J not a screen")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			differ(c)
			var got bytes.Buffer
			require.NoError(t, c.examine(t).WriteText(&got))
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
		})
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	r := &doctor.Report{Findings: []doctor.Finding{{Level: doctor.Error}, {Level: doctor.Note}, {Level: doctor.Error}}}
	require.Equal(t, []int{2, 0, 1}, []int{r.Count(doctor.Error), r.Count(doctor.Warning), r.Count(doctor.Note)})
}
