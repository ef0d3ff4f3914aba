// Package partition has the partitions of AWS, such as China, with their domain names and resource
// names.
package partition

import (
	"slices"
	"strings"
)

// Partition is a part of AWS with domain names and resource names of its own.
type Partition struct {
	// ID is the part of resource names after "arn:".
	ID string
	// Suffix is the end of host names.
	Suffix string

	areas []string // prefixes of the names of its regions
}

// All returns the partitions that the SDK knows (aws-sdk-go-v2,
// internal/endpoints/awsrulesfn/partitions.json, v1.47.8).
func All() []Partition {
	return []Partition{
		{"aws", "amazonaws.com", []string{"us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"}},
		{"aws-us-gov", "amazonaws.com", []string{"us-gov"}},
		{"aws-cn", "amazonaws.com.cn", []string{"cn"}},
		{"aws-eusc", "amazonaws.eu", []string{"eusc-de"}},
		{"aws-iso", "c2s.ic.gov", []string{"us-iso"}},
		{"aws-iso-b", "sc2s.sgov.gov", []string{"us-isob"}},
		{"aws-iso-e", "cloud.adc-e.uk", []string{"eu-isoe"}},
		{"aws-iso-f", "csp.hci.ic.gov", []string{"us-isof"}},
	}
}

// Of returns the partition of a region, and reports whether it is known. The name of a region is
// an area, a word and a number.
func Of(region string) (Partition, bool) {
	labels := strings.Split(region, "-")
	n := len(labels)
	if n < 3 || labels[n-2] == "" || labels[n-1] == "" || strings.Trim(labels[n-1], "0123456789") != "" {
		return Partition{}, false
	}
	area := strings.Join(labels[:n-2], "-")
	for _, p := range All() {
		if slices.Contains(p.areas, area) {
			return p, true
		}
	}
	return Partition{}, false
}

// HasSuffix reports whether the hosts of a partition end with the suffix.
func HasSuffix(suffix string) bool {
	return slices.ContainsFunc(All(), func(p Partition) bool { return p.Suffix == suffix })
}
