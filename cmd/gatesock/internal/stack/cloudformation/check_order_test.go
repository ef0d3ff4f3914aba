package cloudformation_test

import (
	"maps"
	"slices"
	"strings"
)

// order checks that CloudFormation can create the resources one after another: none needs itself,
// and none needs one that may not exist.
func (c *checker) order() {
	needs := map[string][]string{}
	for _, id := range keys(c.resources) {
		for _, on := range list(at(c.resources, id, "DependsOn")) {
			if c.resources[on.(string)] == nil {
				c.fail("%s depends on %s, which does not exist", id, on)
			}
			needs[id] = append(needs[id], on.(string))
		}
		needs[id] = append(needs[id], keys(mentions(c.resources[id]))...)
	}
	done := map[string]bool{}
	for _, id := range keys(c.resources) {
		c.cycle(id, needs, done, nil)
	}
	for _, members := range []any{c.resources, c.template["Outputs"]} {
		for id, r := range members.(tree) {
			c.conditional(id, r, []string{text(r, "Condition")})
		}
	}
}

// cycle looks for a resource that needs itself.
func (c *checker) cycle(id string, needs map[string][]string, done map[string]bool, way []string) {
	if slices.Contains(way, id) {
		c.fail("%s needs itself: %s", id, strings.Join(append(way, id), ", "))
		return
	}
	if done[id] {
		return
	}
	for _, next := range needs[id] {
		c.cycle(next, needs, done, append(slices.Clone(way), id))
	}
	done[id] = true
}

// conditional checks that what refers to a resource with a condition exists only if it does.
func (c *checker) conditional(id string, value any, holds []string) {
	if branches := list(at(value, "Fn::If")); len(branches) > 0 {
		c.conditional(id, branches[1], append(slices.Clone(holds), branches[0].(string)))
		c.conditional(id, branches[2], holds)
		return
	}
	switch v := value.(type) {
	case tree:
		for name := range mentions(alone(v)) {
			if condition := text(c.resources, name, "Condition"); condition != "" && !slices.Contains(holds, condition) {
				c.fail("%s refers to %s, which exists only if %s", id, name, condition)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			c.conditional(id, v[key], holds)
		}
	case []any:
		for _, item := range v {
			c.conditional(id, item, holds)
		}
	}
}

// alone returns a reference without what is inside: the values of the variables of Fn::Sub. It
// returns nil for other values.
func alone(v tree) tree {
	switch parts := list(v["Fn::Sub"]); {
	case v["Ref"] != nil, v["Fn::GetAtt"] != nil, len(parts) == 1:
		return v
	case len(parts) > 1:
		variables := tree{}
		for name := range parts[1].(tree) {
			variables[name] = ""
		}
		return tree{"Fn::Sub": []any{parts[0], variables}}
	default:
		return nil
	}
}
