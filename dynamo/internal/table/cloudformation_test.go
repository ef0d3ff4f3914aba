package table_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo/internal/table"
)

func TestCloudFormationIsTheGoldenTemplate(t *testing.T) {
	t.Parallel()
	template := map[string]any{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Resources":                map[string]any{"Table": table.CloudFormation()},
	}
	got, err := json.MarshalIndent(template, "", "  ")
	require.NoError(t, err)
	want, err := os.ReadFile("../../template.json")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got)+"\n")
}
