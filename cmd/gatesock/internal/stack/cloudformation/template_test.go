package cloudformation_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/cloudformation"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag of the test binary

// format is a format of templates.
type format struct {
	name  string
	write func(*stack.Plan) ([]byte, error)
}

func formats() []format {
	return []format{{"cloudformation", cloudformation.Template}, {"sam", cloudformation.SAM}}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, s := range stacktest.Services(t) {
		for _, f := range formats() {
			t.Run(name+" "+f.name, func(t *testing.T) {
				t.Parallel()
				got := f.template(t, s)
				file := filepath.Join("testdata", name+"."+f.name+".yaml")
				if *update {
					require.NoError(t, os.WriteFile(file, got, 0o600))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, string(want), string(got), "go test -update writes the golden files")
			})
		}
	}
}

func (f format) template(tb testing.TB, s stacktest.Service) []byte {
	tb.Helper()
	text, err := f.write(s.Plan(tb))
	require.NoError(tb, err)
	return text
}
