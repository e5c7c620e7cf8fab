-- The SQL of the statistics: from an archive and a date to counted maps, and from those to tables.
-- Each statement stands below a line with its name. Values: $as_of, $country (key), $emdb_site, $empiar_site.
-- Every table ends in a total order, so that the same archive gives the same bytes.

-- ------------------------------------------------------------------ temporary tables, in this order:
-- "prepare" for the numbers, "shape" on top of these for the tables

-- name: prepare raw
-- Pairs of a counted map and a released EMPIAR entry.
CREATE OR REPLACE TEMP TABLE raw AS
SELECT DISTINCT k.emdb_id, k.empiar_id, e.released
FROM empiar_links k
JOIN empiar_entries e USING (empiar_id)
JOIN emdb_listing l USING (emdb_id)
WHERE e.status = 'REL' AND e.released <= $as_of
  AND l.status = 'REL' AND l.vanished IS NULL
  AND l.deposited <= $as_of AND l.map_released <= $as_of

-- name: prepare world
-- Every counted map.
CREATE OR REPLACE TEMP TABLE world AS
SELECT e.*, year(e.deposited) AS year, r.first_raw, r.first_raw IS NOT NULL AS has_raw
FROM emdb_entries e
LEFT JOIN (SELECT emdb_id, min(released) AS first_raw FROM raw GROUP BY emdb_id) r USING (emdb_id)
WHERE e.status = 'REL' AND e.vanished IS NULL
  AND e.deposited <= $as_of AND e.map_released <= $as_of

-- name: prepare hits
-- Each grant of a counted map that matches, with the rule and what matched. The table aliases has the funders of
-- the archive that hold a phrase of the alias list.
CREATE OR REPLACE TEMP TABLE hits AS
SELECT g.emdb_id, g.position, 'country' AS rule, g.country AS matched, g.funder, g.country, g.code
FROM emdb_grants g SEMI JOIN world USING (emdb_id)
WHERE g.country_key = $country
UNION ALL
SELECT g.emdb_id, g.position, 'alias', a.phrase, g.funder, g.country, g.code
FROM emdb_grants g SEMI JOIN world USING (emdb_id) JOIN aliases a ON g.funder = a.funder

-- name: prepare local
-- The counted maps of the country.
CREATE OR REPLACE TEMP TABLE local AS
SELECT w.* FROM world w
SEMI JOIN (SELECT emdb_id FROM hits WHERE rule = 'country') h USING (emdb_id)

-- name: prepare own
-- Released EMPIAR entries that name a grant of the country themselves.
CREATE OR REPLACE TEMP TABLE own AS
SELECT DISTINCT g.empiar_id
FROM empiar_grants g JOIN empiar_entries e USING (empiar_id)
WHERE g.country_key = $country AND e.status = 'REL' AND e.released <= $as_of

-- name: shape maps
-- The country and the world below each other: a map of the country is there twice.
CREATE OR REPLACE TEMP TABLE maps AS
SELECT 'country' AS scope, emdb_id, deposited, map_released, year, methods, microscopes, resolution,
       has_raw, first_raw
FROM local
UNION ALL
SELECT 'world', emdb_id, deposited, map_released, year, methods, microscopes, resolution,
       has_raw, first_raw
FROM world

-- name: shape years
CREATE OR REPLACE TEMP TABLE years AS
SELECT unnest(range((SELECT min(year) FROM world), year($as_of::DATE) + 1))::INTEGER AS year

-- name: shape categories
-- Each map with each of its methods, microscopes, organisms, and its resolution band.
CREATE OR REPLACE TEMP TABLE categories AS
WITH bands AS (
  SELECT * FROM (VALUES
    (0, 0.0, 2.0, 'below 2 Å'), (1, 2.0, 3.0, '2 to 3 Å'), (2, 3.0, 4.0, '3 to 4 Å'),
    (3, 4.0, 6.0, '4 to 6 Å'), (4, 6.0, 10.0, '6 to 10 Å'), (5, 10.0, 'infinity'::DOUBLE, '10 Å and above')
  ) AS t(rank, low, high, label)
), found AS (
  SELECT 'method' AS kind, scope, emdb_id, unnest(methods) AS key, key AS label FROM maps
  UNION ALL
  SELECT 'microscope', scope, emdb_id, unnest(microscopes) AS key, key FROM maps
  UNION ALL
  SELECT 'organism', m.scope, m.emdb_id, coalesce(o.taxid::VARCHAR, lower(o.name)), o.name
  FROM maps m JOIN emdb_organisms o USING (emdb_id)
  UNION ALL
  SELECT 'resolution', m.scope, m.emdb_id, b.rank::VARCHAR, b.label
  FROM maps m JOIN bands b ON m.resolution >= b.low AND m.resolution < b.high
)
SELECT kind, m.scope, m.emdb_id, m.year, m.has_raw,
       coalesce(f.key, 'not stated') AS key, coalesce(f.label, 'not stated') AS label
FROM maps m CROSS JOIN (VALUES ('method'), ('microscope'), ('organism'), ('resolution')) AS k(kind)
LEFT JOIN found f USING (kind, scope, emdb_id)

-- name: shape by_category
-- Categories that the country has, counted for the country and the world; the label is the most used spelling.
CREATE OR REPLACE TEMP TABLE by_category AS
WITH counted AS (
  SELECT kind, key,
         count(DISTINCT emdb_id) FILTER (scope = 'country') AS entries,
         count(DISTINCT emdb_id) FILTER (scope = 'country' AND has_raw) AS with_raw_data,
         count(DISTINCT emdb_id) FILTER (scope = 'world') AS world_entries,
         count(DISTINCT emdb_id) FILTER (scope = 'world' AND has_raw) AS world_with_raw_data
  FROM categories GROUP BY kind, key
), labels AS (
  SELECT kind, key, first(label ORDER BY uses DESC, label) AS label
  FROM (SELECT kind, key, label, count(*) AS uses FROM categories WHERE scope = 'world' GROUP BY ALL)
  GROUP BY kind, key
)
SELECT kind, key, label, entries::INTEGER AS entries, with_raw_data::INTEGER AS with_raw_data,
       with_raw_data / entries AS share, world_entries::INTEGER AS world_entries,
       world_with_raw_data::INTEGER AS world_with_raw_data, world_with_raw_data / world_entries AS world_share
FROM counted JOIN labels USING (kind, key)
WHERE entries > 0

-- ------------------------------------------------------------------ numbers

-- name: counts
SELECT
  (SELECT count(*) FROM local) AS entries,
  (SELECT count(*) FROM local WHERE has_raw) AS with_raw_data,
  (SELECT count(DISTINCT empiar_id) FROM raw SEMI JOIN local USING (emdb_id)) AS empiar_entries,
  (SELECT count(*) FROM own) AS empiar_own_grant,
  (SELECT count(*) FROM (SELECT empiar_id FROM raw SEMI JOIN local USING (emdb_id)
                         UNION SELECT empiar_id FROM own)) AS empiar_any,
  (SELECT count(*) FROM world) AS world_entries,
  (SELECT count(*) FROM world WHERE has_raw) AS world_with_raw_data,
  (SELECT count(DISTINCT empiar_id) FROM raw) AS world_empiar_entries,
  (SELECT count(*) FROM empiar_entries WHERE status = 'REL' AND released <= $as_of) AS world_empiar_all,
  (SELECT count(DISTINCT emdb_id) FROM hits WHERE rule = 'alias') AS alias_entries,
  (SELECT count(DISTINCT emdb_id) FROM hits WHERE rule = 'alias'
   AND emdb_id IN (SELECT emdb_id FROM local)) AS both_rules

-- ------------------------------------------------------------------ tables

-- name: table annual
WITH yearly AS (
  SELECT year,
         count(*) FILTER (scope = 'country') AS entries,
         count(*) FILTER (scope = 'country' AND has_raw) AS with_raw_data,
         count(*) FILTER (scope = 'world') AS world_entries,
         count(*) FILTER (scope = 'world' AND has_raw) AS world_with_raw_data
  FROM maps GROUP BY year
), first_year AS (
  SELECT m.scope, r.empiar_id, min(m.year) AS year
  FROM raw r JOIN maps m USING (emdb_id) GROUP BY m.scope, r.empiar_id
), empiar AS (
  SELECT year, count(*) FILTER (scope = 'country') AS empiar_entries,
         count(*) FILTER (scope = 'world') AS world_empiar_entries
  FROM first_year GROUP BY year
), filled AS (
  SELECT y.year, coalesce(entries, 0) AS e, coalesce(with_raw_data, 0) AS r, coalesce(empiar_entries, 0) AS p,
         coalesce(world_entries, 0) AS we, coalesce(world_with_raw_data, 0) AS wr,
         coalesce(world_empiar_entries, 0) AS wp
  FROM years y LEFT JOIN yearly USING (year) LEFT JOIN empiar USING (year)
)
SELECT year, e::INTEGER AS entries, r::INTEGER AS with_raw_data, r / nullif(e, 0) AS share,
       p::INTEGER AS empiar_entries, p / nullif(e, 0) AS ratio,
       we::INTEGER AS world_entries, wr::INTEGER AS world_with_raw_data, wr / nullif(we, 0) AS world_share,
       wp::INTEGER AS world_empiar_entries, wp / nullif(we, 0) AS world_ratio,
       year >= year($as_of::DATE) - 1 AS right_censored
FROM filled ORDER BY year

-- name: table cumulative
WITH yearly AS (
  SELECT year, scope, count(*) AS entries, count(*) FILTER (has_raw) AS with_raw_data FROM maps GROUP BY ALL
), empiar AS (
  SELECT scope, year, count(*) AS empiar_entries
  FROM (SELECT m.scope, r.empiar_id, min(m.year) AS year FROM raw r JOIN maps m USING (emdb_id) GROUP BY ALL)
  GROUP BY ALL
), summed AS (
  SELECT y.year,
         sum(a.entries) FILTER (scope = 'country') AS e, sum(a.with_raw_data) FILTER (scope = 'country') AS r,
         sum(b.empiar_entries) FILTER (scope = 'country') AS p,
         sum(a.entries) FILTER (scope = 'world') AS we, sum(a.with_raw_data) FILTER (scope = 'world') AS wr,
         sum(b.empiar_entries) FILTER (scope = 'world') AS wp
  FROM years y LEFT JOIN (yearly a FULL JOIN empiar b USING (year, scope)) USING (year)
  GROUP BY y.year
)
SELECT year,
       coalesce(sum(e) OVER past, 0)::INTEGER AS entries,
       coalesce(sum(r) OVER past, 0)::INTEGER AS with_raw_data,
       coalesce(sum(p) OVER past, 0)::INTEGER AS empiar_entries,
       coalesce(sum(we) OVER past, 0)::INTEGER AS world_entries,
       coalesce(sum(wr) OVER past, 0)::INTEGER AS world_with_raw_data,
       coalesce(sum(wp) OVER past, 0)::INTEGER AS world_empiar_entries
FROM summed WINDOW past AS (ORDER BY year) ORDER BY year

-- name: table funders
-- Spellings that differ in case or blanks only are one funder.
WITH rows AS (
  SELECT trim(g.funder) AS funder, lower(trim(g.funder)) AS key, g.emdb_id, m.has_raw,
         coalesce(g.country_key = $country, false) AS of_country
  FROM emdb_grants g JOIN local m USING (emdb_id) WHERE trim(g.funder) <> ''
), spelled AS (
  SELECT key, first(funder ORDER BY uses DESC, funder) AS funder
  FROM (SELECT key, funder, count(*) AS uses FROM rows GROUP BY ALL) GROUP BY key
)
SELECT s.funder, r.of_country, count(DISTINCT emdb_id)::INTEGER AS entries,
       count(DISTINCT emdb_id) FILTER (has_raw)::INTEGER AS with_raw_data,
       count(DISTINCT emdb_id) FILTER (has_raw) / count(DISTINCT emdb_id) AS share
FROM rows r JOIN spelled s USING (key)
GROUP BY ALL ORDER BY of_country DESC, entries DESC, s.funder

-- name: table methods
SELECT label AS method, * EXCLUDE (kind, key, label)
FROM by_category WHERE kind = 'method' ORDER BY entries DESC, method

-- name: table methods_by_year
SELECT year, label AS method, count(DISTINCT emdb_id)::INTEGER AS entries
FROM categories WHERE kind = 'method' AND scope = 'country' GROUP BY ALL ORDER BY year, method

-- name: table resolution
SELECT label AS band, * EXCLUDE (kind, key, label)
FROM by_category WHERE kind = 'resolution' ORDER BY key

-- name: table microscopes
SELECT label AS microscope, * EXCLUDE (kind, key, label)
FROM by_category WHERE kind = 'microscope' ORDER BY entries DESC, microscope

-- name: table organisms
SELECT label AS organism, try_cast(key AS INTEGER) AS taxid, * EXCLUDE (kind, key, label)
FROM by_category WHERE kind = 'organism' ORDER BY entries DESC, organism, taxid

-- name: table delay
SELECT scope, count(*)::INTEGER AS maps,
       quantile_cont(days, 0.25) AS lower_quartile_days, median(days) AS median_days,
       quantile_cont(days, 0.75) AS upper_quartile_days, min(days) AS least_days, max(days) AS most_days,
       count(*) FILTER (days < 0)::INTEGER AS raw_data_first, count(*) FILTER (days = 0)::INTEGER AS same_day
FROM (SELECT scope, first_raw - map_released AS days FROM maps WHERE has_raw)
GROUP BY scope ORDER BY scope

-- name: table delays
SELECT emdb_id, map_released, first_raw AS first_raw_data, first_raw - map_released AS days
FROM local WHERE has_raw ORDER BY days, emdb_id

-- name: table to_release
SELECT scope, count(*)::INTEGER AS maps, median(map_released - deposited) AS median_days
FROM maps GROUP BY scope ORDER BY scope

-- name: table work_list
WITH named AS (
  SELECT emdb_id, funder, min(position) AS position FROM hits WHERE rule = 'country' GROUP BY ALL
), funders AS (
  SELECT emdb_id, string_agg(funder, '; ' ORDER BY position) AS funders FROM named GROUP BY emdb_id
)
SELECT m.emdb_id, m.title, m.map_released AS released, m.doi, $emdb_site || '/' || m.emdb_id AS link, f.funders
FROM local m LEFT JOIN funders f USING (emdb_id)
WHERE NOT m.has_raw ORDER BY m.map_released DESC, m.emdb_id

-- name: table entries
SELECT m.emdb_id, m.title, m.deposited, m.map_released AS released, m.year, m.methods, m.resolution,
       m.has_raw AS with_raw_data, m.first_raw AS first_raw_data, r.ids AS empiar_ids, m.doi,
       $emdb_site || '/' || m.emdb_id AS link
FROM local m
LEFT JOIN (SELECT emdb_id, list(empiar_id ORDER BY empiar_id) AS ids FROM raw GROUP BY emdb_id) r USING (emdb_id)
ORDER BY m.deposited, m.emdb_id

-- name: table empiar
SELECT e.empiar_id, e.title, e.released, e.experiment_type, e.size_bytes,
       coalesce(k.maps, 0)::INTEGER AS counted_maps, k.maps IS NOT NULL AS linked,
       e.empiar_id IN (SELECT empiar_id FROM own) AS own_grant, e.doi,
       $empiar_site || '/' || e.empiar_id AS link
FROM empiar_entries e
LEFT JOIN (SELECT empiar_id, count(*) AS maps FROM raw SEMI JOIN local USING (emdb_id) GROUP BY empiar_id) k
  USING (empiar_id)
WHERE k.maps IS NOT NULL OR e.empiar_id IN (SELECT empiar_id FROM own)
ORDER BY e.released, e.empiar_id

-- name: table matches
SELECT emdb_id, rule, matched, funder, country, code
FROM hits ORDER BY emdb_id, position, rule DESC, matched

-- name: table obsolete
SELECT e.emdb_id, e.title, e.deposited, e.map_released AS released, e.obsoleted, e.superseded_by,
       coalesce(e.obsoleted > $as_of, false) AS obsoleted_after
FROM emdb_entries e
SEMI JOIN (SELECT emdb_id FROM emdb_grants WHERE country_key = $country) g USING (emdb_id)
WHERE e.status = 'OBS' AND e.vanished IS NULL AND e.deposited <= $as_of AND e.map_released <= $as_of
ORDER BY e.obsoleted, e.emdb_id

-- name: table missing
SELECT e.emdb_id, e.status, e.deposited, e.map_released AS released,
       CASE WHEN e.vanished IS NOT NULL THEN 'vanished' ELSE e.details END AS state,
       CASE WHEN e.vanished IS NOT NULL THEN 'not listed any more since ' || e.vanished
            ELSE coalesce(f.reason, 'not read yet') END AS reason
FROM emdb_entries e LEFT JOIN emdb_failures f USING (emdb_id)
WHERE e.deposited <= $as_of AND e.map_released <= $as_of
  AND (e.vanished IS NULL AND e.details IN ('missing', 'outdated') OR e.vanished IS NOT NULL AND e.status = 'REL')
ORDER BY e.emdb_id

-- name: first day
-- From this day on there is at least one counted map.
SELECT min(greatest(deposited, map_released)) FROM emdb_listing WHERE status = 'REL' AND vanished IS NULL

-- name: first year
SELECT min(year) FROM years

-- name: countries
SELECT country_key, trim(country) AS name, count(*) AS n
FROM emdb_grants WHERE country_key IS NOT NULL GROUP BY ALL ORDER BY n DESC, name

-- name: funders
SELECT DISTINCT funder FROM emdb_grants WHERE funder IS NOT NULL ORDER BY funder
