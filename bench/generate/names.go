package generate

import "strings"

// The vocabulary: common names and words, all ASCII, none that JSON would have to escape.
var (
	firstNames = strings.Fields("Ada Alan Amara Anna Ben Bea Carlos Chen Clara Dana David Dilek Elena Emil Emma Farid " +
		"Fatima Finn Grace Hana Henry Hugo Ida Ines Ivan Jack Jana Jin Jonas Julia Kai Karim Kira Lars Lea Leo Lina Lucia " +
		"Maja Marco Maria Mei Mila Mina Nadia Nils Noah Nora Olga Omar Oscar Paula Petra Priya Rosa Ruth Sam Sara Sofia " +
		"Theo Tom Uma Vera Yusuf")
	lastNames = strings.Fields("Adams Ali Andersen Baker Bauer Berg Brown Carter Chen Clark Costa Davis Diaz Evans " +
		"Fischer Garcia Gomez Green Gupta Haas Hall Hansen Hill Ito Jensen Jones Kaya Keller Kim King Klein Kumar Lang Lee " +
		"Lopez Martin Meyer Miller Moore Mori Nguyen Novak Olsen Park Patel Perez Reed Rossi Sato Scott Silva Singh " +
		"Smith Stone Tanaka Taylor Turner Vogel Wagner Walker Wang Weber White Young")
	firstMails, lastMails = lower(firstNames), lower(lastNames)
	mailHosts             = []string{"@mail.example", "@post.example", "@work.example", "@shop.example", "@uni.example"}

	// As JSON: a contact's state may be null.
	stateNames = []string{`null`, `"CA"`, `"FL"`, `"IL"`, `"MN"`, `"ND"`, `"NY"`, `"OR"`, `"SD"`, `"TX"`, `"WA"`}
	tagNames   = []string{`"newsletter"`, `"vip"`, `"beta"`, `"partner"`, `"event"`, `"reseller"`}
	stageNames = []string{"subscriber", "lead", "qualified", "opportunity", "customer", "evangelist"}

	companyNames = strings.Fields("Alder Amber Aster Beacon Birch Cobalt Coral Delta Ember Falcon Fjord Garnet Harbor " +
		"Hazel Iris Juniper Kestrel Lark Linden Maple Meadow Nimbus Onyx Opal Orchard Pebble Pine Quartz Raven Ridge River " +
		"Rowan Sable Slate Sparrow Summit Tidal Topaz Umber Willow")
	companyForms = []string{" Foods", " Labs", " Logistics", " Media", " Systems", " Works"}
	industries   = []string{"retail", "software", "manufacturing", "health", "finance", "education", "logistics", "media"}

	emails   = []string{"spring", "welcome", "newsletter", "offer", "webinar", "renewal", "survey", "winback"}
	journeys = []string{"nurture", "onboarding", "loyalty", "reactivation"}
	links    = []string{"offer", "pricing", "blog", "unsubscribe", "event", "app"}
	pages    = []string{"/", "/pricing", "/products", "/blog", "/pricing/enterprise", "/docs", "/cart", "/support",
		"/about", "/careers", "/events", "/blog/segments", "/products/boots", "/products/tents"}
	forms = []string{"newsletter", "contact-us", "webinar", "demo", "download"}

	// cents is the mean of what an order of the product comes to.
	products = []struct {
		name, category string
		cents          int
	}{
		{"socks", "clothing", 15_00}, {"boots", "shoes", 140_00}, {"jacket", "clothing", 190_00}, {"tent", "camping", 320_00},
		{"stove", "camping", 80_00}, {"backpack", "bags", 160_00}, {"kayak", "boats", 900_00}, {"bottle", "camping", 20_00},
	}
)

func lower(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToLower(n)
	}
	return out
}
