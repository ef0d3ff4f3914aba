package partition_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/partition"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for region, want := range map[string][2]string{
		"us-east-1":      {"aws", "amazonaws.com"},
		"ap-southeast-7": {"aws", "amazonaws.com"},
		"us-gov-west-1":  {"aws-us-gov", "amazonaws.com"},
		"cn-northwest-1": {"aws-cn", "amazonaws.com.cn"},
		"eusc-de-east-1": {"aws-eusc", "amazonaws.eu"},
		"us-iso-east-1":  {"aws-iso", "c2s.ic.gov"},
		"us-isob-east-1": {"aws-iso-b", "sc2s.sgov.gov"},
		"eu-isoe-west-1": {"aws-iso-e", "cloud.adc-e.uk"},
		"us-isof-east-1": {"aws-iso-f", "csp.hci.ic.gov"},
	} {
		p, ok := partition.Of(region)
		require.True(t, ok, region)
		require.Equal(t, want, [2]string{p.ID, p.Suffix}, region)
		require.True(t, partition.HasSuffix(p.Suffix))
	}
	for _, region := range []string{"", "us", "us-east", "us-east-", "us-east-one", "us--1", "moon-base-1", "eusc-fr-east-1"} {
		_, ok := partition.Of(region)
		require.False(t, ok, region)
	}
	require.False(t, partition.HasSuffix("example.com"))
}
