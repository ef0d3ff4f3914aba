package describing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/describing"
)

func TestOn(t *testing.T) {
	for value, want := range map[string]bool{"": false, "0": false, "false": false, "1": true, "true": true, "yes": true} {
		t.Setenv(describing.Variable, value)
		require.Equal(t, want, describing.On(), value)
	}
}
