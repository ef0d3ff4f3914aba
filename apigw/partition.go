package apigw

import (
	"fmt"
	"slices"
	"strings"
)

// partition is a part of AWS that has domain names of its own.
type partition struct {
	suffix string
	areas  []string // what names of its regions begin with
}

// partitions are those that the SDK knows (aws-sdk-go-v2, internal/endpoints/awsrulesfn/partitions.json, v1.47.8).
func partitions() []partition {
	return []partition{
		{"amazonaws.com", []string{"us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx", "us-gov"}},
		{"amazonaws.com.cn", []string{"cn"}},
		{"amazonaws.eu", []string{"eusc-de"}},
		{"c2s.ic.gov", []string{"us-iso"}},
		{"sc2s.sgov.gov", []string{"us-isob"}},
		{"cloud.adc-e.uk", []string{"eu-isoe"}},
		{"csp.hci.ic.gov", []string{"us-isof"}},
	}
}

// suffixOf returns what the hosts of a region end with, empty if the region's partition is not known. A name has an
// area, a word and a number.
func suffixOf(region string) string {
	labels := strings.Split(region, "-")
	n := len(labels)
	if n < 3 || labels[n-2] == "" || labels[n-1] == "" || strings.Trim(labels[n-1], "0123456789") != "" {
		return ""
	}
	area := strings.Join(labels[:n-2], "-")
	for _, p := range partitions() {
		if slices.Contains(p.areas, area) {
			return p.suffix
		}
	}
	return ""
}

// apiHost is what the name of an API's own host says: {api}.execute-api.{region}.{suffix}.
type apiHost struct{ region, suffix string }

// readAPIHost reads it under any of the partitions' suffixes.
func readAPIHost(name string) (h apiHost, ok bool) {
	labels := strings.SplitN(name, ".", 4)
	if len(labels) != 4 || labels[0] == "" || labels[1] != "execute-api" || labels[2] == "" {
		return apiHost{}, false
	}
	ok = slices.ContainsFunc(partitions(), func(p partition) bool { return p.suffix == labels[3] })
	return apiHost{labels[2], labels[3]}, ok
}

// check refuses the host of a region that is known to be elsewhere. One that is not known may be new.
func (h apiHost) check() error {
	if want := suffixOf(h.region); want != "" && want != h.suffix {
		return fmt.Errorf("region %s is under %s, not under %s", h.region, want, h.suffix)
	}
	return nil
}
