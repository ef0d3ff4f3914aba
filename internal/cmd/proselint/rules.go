package main

import "regexp"

// rule is wording that is not to be used.
type rule struct {
	pattern *regexp.Regexp
	// unless matches wording that has a finding in it and is right; nil matches nothing.
	unless *regexp.Regexp
	advice string
}

// excepts reports whether the finding at an offset of a text is in wording that is right.
func (r rule) excepts(text string, at int) bool {
	if r.unless == nil {
		return false
	}
	for _, right := range r.unless.FindAllStringIndex(text, -1) {
		if right[0] <= at && at < right[1] {
			return true
		}
	}
	return false
}

// rules returns the wording that Go's own documentation does not have. What a rule finds and what
// it leaves alone is in testdata/samples.txt.
func rules() []rule {
	find := func(pattern, advice string) rule {
		return rule{regexp.MustCompile(pattern), nil, advice}
	}
	unless := func(exception string, r rule) rule {
		r.unless = regexp.MustCompile(exception)
		return r
	}
	return []rule{
		unless(`\bgives? (up|way)\b`,
			find(`\b[Gg]ives\b`, `write "returns", "has" or "makes"`)),
		unless(`\btells [a-z ]*apart\b`, find(`\b[Tt]ells\b`, `write "reports whether", "returns" or "describes"`)),
		find(`\btell (if|whether)\b`, `write "report whether"`),
		find(`\b[Ww]h(oever|omever)\b`, `name them: "callers that", "clients that"`),
		find(`\b(for|of|to|by|with|from|than) who\b`,
			`name them: "callers that", "clients that"`),
		find(`(^|[.;:] )Who [^.?]*\.`, `name them: "Callers that", "Clients that"`),
		unless(`(?i)\bthere is no|\bis no (longer|more than|less than|better|fewer)\b`,
			find(`\b[Ii]s no [a-z]+`, `write "is not a" or "has no"`)),
		unless(`(?i)\bthere (is|are) none\b`,
			find(`\b(is|are) none\b`, `write "is not one" or "there is none"`)),
		find(`\bsays (that|who|if|whether)\b`, `write "reports", "means", or what it is`),
		find(`\bso many(-th|th)\b`, `write "after n"`),
		find(`\bcan(no|')t be had\b`, `write "is not available"`),
		find(`\b(and|or) the like\b`, `name them, or leave it out`),
		find(`\bin (its|their) turn\b`, `leave it out`),
		find(`\bif need be\b`, `write "if necessary"`),
		find(`\bbe it\b`, `write "whether"`),
		find(`\b(t|w)here(by|in|from|upon)\b`, `use plain words`),
		find(`\bwhat becomes of\b`, `write "what happens to"`),
		find(`\b(is|are) good (for|until)\b`, `write "is valid for"`),
		find(`\b(somebody|anybody|nobody|everybody) who\b`, `name them: "callers that", "clients that"`),
		find(`\bof (its|their) own accord\b`, `write "unprompted", or leave it out`),
		find(`\b([Ll]eft|[Ll]eaves?) away\b`, `write "left out" or "omits"`),
		find(`(<{7}|>{7}) `, `resolve the conflict of the merge`),
	}
}
