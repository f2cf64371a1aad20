// A flame graph for each phase of a program: build.svg and query.svg.
#include <pprofc/pprofc.hpp>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using Index = std::map<std::string, std::vector<std::uint32_t>>;

static std::string word(std::uint32_t number)
{
    std::string text;
    for (number %= 50000; number > 0; number /= 26)
        text += static_cast<char>('a' + number % 26);
    return text;
}

static Index build(std::uint32_t n_documents)
{
    pprofc::scope scope("build.svg");
    std::uint32_t seed = 1;
    Index index;
    for (std::uint32_t i = 0; i < n_documents; i++) {
        seed = seed * 1664525 + 1013904223;
        index[word(seed >> 8)].push_back(i);
    }
    return index;
}

static std::size_t query(const Index &index, std::uint32_t n_queries)
{
    std::size_t n_found = 0;
    for (std::uint32_t i = 0; i < n_queries; i++)
        if (const auto found = index.find(word(i * 2654435761u)); found != index.end())
            n_found += found->second.size();
    if (n_found == 0)
        throw std::logic_error("nothing found");
    return n_found;
}

int main()
{
    try {
        const Index index = build(1000000);
        std::size_t n_found = 0;
        auto options = pprofc::defaults();
        options.frequency_hz = PPROFC_MODE_HIGH;
        pprofc::profile([&] { n_found = query(index, 1000000); }, options).write("query.svg");
        std::cout << index.size() << " words, " << n_found
                  << " places: see build.svg and query.svg\n";
        pprofc::profile([] { query({}, 1); }, options);
    } catch (const pprofc::error &error) {
        std::cerr << "not profiled: " << error.what() << '\n';
        return 1;
    } catch (const std::logic_error &error) {
        std::cout << "as it should be: " << error.what() << '\n';
    }
}
